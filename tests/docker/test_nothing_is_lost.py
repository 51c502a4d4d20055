import os
import signal

import pytest

from vshop.runtime.local.shop import Shop
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader

pytestmark = pytest.mark.timeout(300)

ITEMS = range(9)


def exact(client: ShopClient, reader: TraceReader, before: dict[int, int], accepted: dict[int, int]) -> None:
    """Fail unless the stock fell by exactly the accepted orders.

    The last order for each item is the last in its partition: once it is in the stock, so are all others.
    """
    last = [client.place_order(item, 1) for item in ITEMS]
    for placed in last:
        reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=90)
    after = {item["id"]: item["stock"] for item in client.stock()}
    assert {item: before[item] - after[item] for item in ITEMS} == {item: accepted.get(item, 0) + 1 for item in ITEMS}
    assert client.dead_letters() == []


def stocks(client: ShopClient) -> dict[int, int]:
    return {item["id"]: item["stock"] for item in client.stock()}


@pytest.mark.parametrize("server", ["kafka", "dynamodb"])
def test_a_server_is_killed_and_comes_back(
    server: str, shoppers, client: ShopClient, reader: TraceReader, eventually, request: pytest.FixtureRequest
):
    before = stocks(client)
    with shoppers.ordering():
        request.getfixturevalue(server).kill_and_start()
        eventually(client.stock, 90)
    exact(client, reader, before, shoppers.accepted)


def test_stock_updater_is_killed_twice(shoppers, client: ShopClient, reader: TraceReader, shop: Shop):
    before = stocks(client)
    with shoppers.ordering():
        for _ in range(2):
            os.kill(shop.state.processes["stock-updater"].pid, signal.SIGKILL)
            shop.restart("stock-updater")
    exact(client, reader, before, shoppers.accepted)
