import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

SERVICES = ("auth-stub", "orders", "stock-updater")


def ask(shop: Shop, part: str, path: str) -> tuple[int, dict[str, Any]]:
    response = requests.get(f"{shop.addresses[part]}{path}", timeout=30)
    return response.status_code, response.json()


@contextmanager
def frozen(shop: Shop, part: str) -> Iterator[None]:
    """Stop a part's process inside the block; it does not answer, and connections to it stay open."""
    pid = shop.state.processes[part].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("part", SERVICES)
def test_a_service_is_alive_and_ready_and_says_why(shop: Shop, part: str):
    assert ask(shop, part, "/healthz") == (200, {"service": part, "status": "alive"})
    status, ready = ask(shop, part, "/readyz")
    assert (status, ready["service"], ready["status"]) == (200, part, "ready")
    names = {"auth-stub": {"token"}, "orders": {"kafka"}, "stock-updater": {"kafka", "dynamodb", "group"}}[part]
    assert names <= ready["checks"].keys()
    assert all(check["ok"] and check["seen"] and check["ms"] >= 0 for check in ready["checks"].values())


def test_health_checks_leave_no_trace(shop: Shop, observatory):
    for part in SERVICES:
        ask(shop, part, "/healthz")
        ask(shop, part, "/readyz")
    for service in ("orders", "auth-stub", "stock-updater"):
        operations = observatory.json(f"/api/services/{service}/operations")["data"] or []
        assert [name for name in operations if "healthz" in name or "readyz" in name or "Describe" in name] == []


@pytest.mark.parametrize("how", [pytest.param("frozen", marks=pytest.mark.slow), "killed"])
def test_orders_and_stock_updater_are_not_ready_without_kafka_and_ready_again_with_it(breakable: Shop, eventually, how: str):
    client = ShopClient(find(breakable.state.home, {}))
    pids = {part: breakable.state.processes[part].pid for part in SERVICES}

    def check_without_kafka() -> None:
        for part in ("orders", "stock-updater"):
            status, ready = eventually(lambda part=part: (seen := ask(breakable, part, "/readyz"))[0] == 503 and seen)
            assert (status, ready["status"], ready["checks"]["kafka"]["ok"]) == (503, "not ready", False)
            assert ask(breakable, part, "/healthz")[0] == 200
        assert ask(breakable, "auth-stub", "/readyz")[0] == 200
        refused = client.place_order(5)
        assert (refused.status, refused.body["hop"], refused.headers["Retry-After"]) == (503, "kafka", "5")

    if how == "frozen":
        with frozen(breakable, "kafka"):
            check_without_kafka()
    else:
        os.kill(breakable.state.processes["kafka"].pid, signal.SIGKILL)
        check_without_kafka()
        breakable.restart("kafka")
    for part in ("orders", "stock-updater"):
        eventually(lambda part=part: ask(breakable, part, "/readyz")[0] == 200, 60)
    before = client.item(5)["ordered"]
    assert eventually(lambda: client.place_order(5).accepted)
    eventually(lambda: client.item(5)["ordered"] > before, 60)
    assert {part: breakable.state.processes[part].pid for part in SERVICES} == pids
    assert breakable.status()["ready"]


def test_stock_updater_is_not_ready_without_dynamodb_and_handles_what_waited(breakable: Shop, eventually):
    client = ShopClient(find(breakable.state.home, {}))
    before, letters = client.item(5)["ordered"], client.dead_letters()
    with frozen(breakable, "dynamodb"):
        status, ready = eventually(lambda: (seen := ask(breakable, "stock-updater", "/readyz"))[0] == 503 and seen)
        assert (status, ready["checks"]["dynamodb"]["ok"], ready["checks"]["kafka"]["ok"]) == (503, False, True)
        assert ask(breakable, "orders", "/readyz")[0] == 200
        assert client.place_order(5, 2).accepted
    eventually(lambda: ask(breakable, "stock-updater", "/readyz")[0] == 200)
    eventually(lambda: client.item(5)["ordered"] == before + 2)
    assert client.dead_letters() == letters


def test_an_order_is_refused_while_auth_is_away(breakable: Shop):
    client = ShopClient(find(breakable.state.home, {}))
    token = client.token()
    with frozen(breakable, "auth-stub"):
        refused = client.place_order(5, token=token)
        assert (refused.status, refused.body["hop"], refused.headers["Retry-After"]) == (503, "auth-stub", "5")
        assert ask(breakable, "orders", "/readyz")[0] == 200
    assert client.place_order(5, token=token).accepted
