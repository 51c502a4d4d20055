"""Kafka, DynamoDB Local and stock-updater are killed under load: no order is lost, none is counted twice."""

import os
import signal

import pytest

from vshop.client import ShopClient
from vshop.runtime.shop import Shop
from vshop.traces import TraceReader

pytestmark = pytest.mark.timeout(300)  # whichever test comes first also waits for what it needs to be built or started

ITEMS = range(9)


def exact(client: ShopClient, reader: TraceReader, before: dict[int, int], accepted: dict[int, int]) -> None:
    """Fail unless the stock has gone down by what was accepted and by nothing else.

    A last order for each item comes after all others in its partition: when it is in the stock, so is whatever was before it.
    """
    last = [client.place_order(item, 1) for item in ITEMS]
    for placed in last:
        reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=90)
    after = {item["id"]: item["stock"] for item in client.stock()}
    assert {item: before[item] - after[item] for item in ITEMS} == {item: accepted.get(item, 0) + 1 for item in ITEMS}
    assert client.dead_letters() == []


def stocks(client: ShopClient) -> dict[int, int]:
    """Read the stock of every item."""
    return {item["id"]: item["stock"] for item in client.stock()}


@pytest.mark.parametrize("server", ["kafka", "dynamodb"])
def test_a_server_is_killed_and_comes_back(
    server: str, shoppers, client: ShopClient, reader: TraceReader, eventually, request: pytest.FixtureRequest
):
    """Orders under way wait, are answered 503 and sent again, or lie in Kafka until DynamoDB is back."""
    before = stocks(client)
    with shoppers.ordering():
        request.getfixturevalue(server).kill_and_start()
        eventually(client.stock, 90)
    exact(client, reader, before, shoppers.accepted)


def test_stock_updater_is_killed_twice(shoppers, client: ShopClient, reader: TraceReader, shop: Shop):
    """Killed between write and commit, as often as not: what is delivered again is recognised."""
    before = stocks(client)
    with shoppers.ordering():
        for _ in range(2):
            os.kill(shop.state.processes["stock-updater"].pid, signal.SIGKILL)
            shop.restart("stock-updater")
    exact(client, reader, before, shoppers.accepted)
