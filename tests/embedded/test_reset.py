from collections.abc import Callable
from typing import Any

import pytest

from tests.timing import Budget
from vshop.incidents import load_incident
from vshop.incidents.verify import verify
from vshop.kit.demo_data import ITEMS
from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.operations import reset
from vshop.shop.traces import TraceReader


@pytest.fixture
def client(breakable: Shop) -> ShopClient:
    return ShopClient(find(breakable.state.home, {}))


def dirty(client: ShopClient) -> None:
    client.place_order(item_id=2, quantity=3)
    client.switch_on("stock-put-missing-key")
    client.place_order(item_id=1)
    client.switch_on("stock-consumer-stalled")
    assert client.place_order(item_id=4, quantity=5).accepted


def test_a_dirty_shop_is_clean_again(breakable: Shop, client: ShopClient, eventually: Callable[..., Any]):
    dirty(client)
    pids = {name: process.pid for name, process in breakable.state.processes.items()}

    done = reset(client)

    assert done.switched_off == ["stock-consumer-stalled", "stock-put-missing-key"]
    assert (client.switched_on(), client.dead_letters(), client.journal()) == ([], [], [])
    assert [(item["id"], item["stock"], item["ordered"]) for item in client.stock()] == [(i.id, i.stock, 0) for i in ITEMS.values()]
    assert client.logs(limit=1000) == []
    assert {name: process.pid for name, process in Shop.running(breakable.state.home).state.processes.items()} == pids
    placed = client.place_order(item_id=4, quantity=2)
    reader = TraceReader(client.addresses.traces)
    assert {span.status for span in reader.wait_whole(placed.trace_id, placed.order_id).spans} == {"UNSET"}
    eventually(lambda: client.item(4)["stock"] == ITEMS[4].stock - 2)


@pytest.mark.timing
def test_a_reset_takes_less_than_a_second(client: ShopClient, budget: Budget):
    seconds = []
    for _ in range(3):
        dirty(client)
        seconds.append(reset(client).seconds)

    assert min(seconds) < budget(1)


def test_incidents_are_verified_after_it(client: ShopClient):
    """Counters are not reset, and metric checks still hold."""
    dirty(client)
    reset(client)

    verdict = verify(load_incident("stock-put-missing-key"), client, TraceReader(client.addresses.traces))

    assert verdict.failed == []


def test_an_exercise_under_way_is_ended(client: ShopClient):
    assert client.exercise("POST")["running"]

    reset(client)

    assert not client.exercise()["running"]
    with pytest.raises(ShopError, match="No exercise is in progress"):
        client.exercise("DELETE")
