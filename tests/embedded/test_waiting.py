import contextlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from loadtest.proxy import Mode, Proxy
from loadtest.targets import http_refusal
from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def readiness(shop: Shop) -> dict[str, Any]:
    checks: dict[str, Any] = requests.get(f"{shop.addresses['stock-updater']}/readyz", timeout=30).json()["checks"]
    return checks


def lag(client: ShopClient, topic: str) -> float:
    series = [one for one in client.metrics("shop.consumer.lag") if one["attributes"]["messaging.destination.name"] == topic]
    return sum(float(one["points"][-1]["value"]) for one in series)


def firing(client: ShopClient, *trace_ids: str) -> list[str]:
    return [alert["rule"] for alert in client.alerts(trace_ids=trace_ids) if alert["state"] == "firing"]


@pytest.mark.parametrize("refusal", ["503 ThrottlingException", "407 "])
def test_a_waiting_order_shows_in_readiness_lag_and_one_alert(
    shop: Shop, client: ShopClient, beside: Callable[..., Shop], eventually: Callable[..., Any], refusal: str
) -> None:
    with contextlib.closing(Proxy(urlsplit(shop.addresses["dynamodb"]).port or 0)) as proxy:
        mine = beside("auth-stub", "orders", "stock-updater", SHOP_DYNAMODB_ENDPOINT=f"http://127.0.0.1:{proxy.port}")
        own, topic = ShopClient(find(mine.state.home, {})), mine.state.options.env["SHOP_KAFKA_TOPIC"]
        proxy.set(Mode.ANSWER, http_refusal(*refusal.split(" ")))
        placed = [own.place_order(item) for item in (1, 2, 3)]
        traces = [one.trace_id for one in placed]
        assert all(one.accepted for one in placed)

        eventually(lambda: readiness(mine)["orders"]["seen"].startswith("record "))
        eventually(lambda: lag(client, topic) == len(placed))
        eventually(lambda: "orders-not-handled" in firing(client, *traces))
        assert firing(client, *traces).count("orders-not-handled") == 1

        proxy.set(Mode.OPEN)
        eventually(lambda: sum(item["ordered"] for item in own.stock()) == len(placed))
        eventually(lambda: readiness(mine)["orders"]["seen"] == "no record waits")
        eventually(lambda: lag(client, topic) == 0)
        eventually(lambda: "orders-not-handled" not in firing(client, *traces))
        assert own.dead_letters() == []
