"""``vshop reset``: a clean shop between two exercises, without a restart."""

from collections.abc import Callable
from typing import Any

import pytest

from vshop.addresses import find
from vshop.client import ShopClient, ShopError
from vshop.incidents import load_incident
from vshop.kit.items import ITEMS
from vshop.reset import reset
from vshop.runtime.shop import Shop
from vshop.traces import TraceReader
from vshop.verify import TraceFinder, verify


@pytest.fixture
def client(breakable: Shop) -> ShopClient:
    """A shopper of the shop that may be broken."""
    return ShopClient(find(breakable.state.home, {}))


def dirty(client: ShopClient) -> None:
    """Leave what an exercise leaves: pieces ordered, a dead letter, an order that waits for a consumer that stands still."""
    client.place_order(item_id=2, quantity=3)
    client.switch_on("stock-put-missing-key")
    client.place_order(item_id=1)
    client.switch_on("stock-consumer-stalled")
    assert client.place_order(item_id=4, quantity=5).accepted


def test_a_dirty_shop_is_clean_again_in_under_a_second(breakable: Shop, client: ShopClient, eventually: Callable[..., Any]):
    """Every switch is off, every piece is back, the order that waited is handled and counts no more; nobody was restarted."""
    dirty(client)
    pids = {name: process.pid for name, process in breakable.state.processes.items()}

    done = reset(client)

    assert done.switched_off == ["stock-consumer-stalled", "stock-put-missing-key"]
    assert (client.switched_on(), client.dead_letters(), client.journal()) == ([], [], [])
    assert [(item["id"], item["stock"], item["ordered"]) for item in client.stock()] == [(i.id, i.stock, 0) for i in ITEMS.values()]
    assert client.logs(limit=1000) == []
    assert done.seconds < 1
    assert {name: process.pid for name, process in Shop.running(breakable.state.home).state.processes.items()} == pids
    placed = client.place_order(item_id=4, quantity=2)
    reader = TraceReader(client.addresses.traces)
    assert {span.status for span in reader.wait_whole(placed.trace_id, placed.order_id).spans} == {"UNSET"}
    eventually(lambda: client.item(4)["stock"] == ITEMS[4].stock - 2)


def test_incidents_are_verified_after_it(client: ShopClient):
    """Counters go on from where they stood: what comes next is told to the piece, at once."""
    dirty(client)
    reset(client)

    verdict = verify(load_incident("stock-put-missing-key"), client, TraceFinder(client.addresses.traces))

    assert verdict.failed == []


def test_an_exercise_under_way_is_ended(client: ShopClient):
    """Nobody looks for an incident that is off."""
    assert client.exercise("POST")["running"]

    reset(client)

    assert not client.exercise()["running"]
    with pytest.raises(ShopError, match="No exercise is under way"):
        client.exercise("DELETE")
