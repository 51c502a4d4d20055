from typing import Any

import pytest
import requests

from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module", params=["none", "zero-code"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def up(cluster: Any, mode: str) -> dict[str, Any]:
    return cluster.up("local", mode)


def test_an_order_and_a_switch_of_one_request_work(mode: str, client: ShopClient, eventually: Any) -> None:
    before = client.item(2)["ordered"]
    assert client.telemetry_mode() == mode
    placed = client.place_order(2, quantity=3)
    broken = client.place_order(2, headers={"x-shop-chaos": "stock-put-missing-key"})

    assert placed.accepted
    eventually(lambda: client.item(2)["ordered"] == before + 3)
    eventually(lambda: any(str(broken.order_id) in one["value"] for one in client.dead_letters()))


def test_no_secret_is_stored(mode: str, client: ShopClient, addresses: Addresses, eventually: Any) -> None:
    placed = client.place_order(3)
    if mode == "zero-code":
        eventually(lambda: placed.trace_id and TraceReader(addresses.traces).get(placed.trace_id).spans)
    stored = requests.get(f"{addresses.traces}/api/traces", {"service": "orders", "limit": "200"}, timeout=30).text
    assert "eyJ" not in stored
    assert "eyJ" not in requests.get(f"{addresses.observatory}/api/logs", timeout=30).text
    assert ("traceID" in stored) == (mode == "zero-code")
