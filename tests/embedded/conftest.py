import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
import requests

from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses, find
from vshop.shop.client import Placed, ShopClient
from vshop.shop.traces import Trace, TraceReader

T = TypeVar("T")

Beside = Callable[..., Shop]
Ordered = Callable[..., tuple[Placed, Trace]]


class Observatory:
    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def text(self, path: str, **query: str | int) -> str:
        response = self._session.get(self._url + path, params=query, timeout=30)
        assert response.status_code == 200, f"{response.url}: {response.text[:300]}"
        return response.text

    def json(self, path: str, **query: str | int) -> Any:
        return json.loads(self.text(path, **query))

    def trace(self, trace_id: str) -> dict[str, Any]:
        return self.json(f"/api/traces/{trace_id}")["data"][0]

    def total(self, name: str, **attributes: Any) -> float:
        """Add up the latest points (a histogram's counts) of all series of a metric that have these attributes; dots are ``__``."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        series = self.json("/api/metrics", name=name)["series"]
        points = [one["points"][-1] for one in series if wanted.items() <= one["attributes"].items()]
        return sum(point.get("value", point.get("count")) for point in points)


@pytest.fixture(scope="module")
def shop(shared_shop: Shop) -> Shop:
    return shared_shop


@pytest.fixture(scope="module")
def breakable(breakable_shop: Shop) -> Shop:
    return breakable_shop


@pytest.fixture(scope="module")
def addresses(shop: Shop) -> Addresses:
    return find(shop.state.home, {})


@pytest.fixture(scope="module")
def client(addresses: Addresses) -> ShopClient:
    return ShopClient(addresses)


@pytest.fixture(scope="module")
def reader(addresses: Addresses) -> TraceReader:
    return TraceReader(addresses.traces)


@pytest.fixture(scope="module")
def observatory(addresses: Addresses) -> Observatory:
    return Observatory(addresses.observatory)


@pytest.fixture(scope="module")
def ordered(client: ShopClient, reader: TraceReader) -> Ordered:
    def place(*args: Any, **options: Any) -> tuple[Placed, Trace]:
        placed = client.place_order(*args, **options)
        return placed, reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=30)

    return place


@pytest.fixture(scope="module")
def beside(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """Start some services a second time, on the Kafka and DynamoDB of the shared shop, with their own topic, group and table.

    ``beside("orders", "stock-updater", SHOP_KAFKA_TRACE="link")`` returns a shop of these two; the other parts are shared.
    """
    begun: list[Shop] = []

    def start(*parts: str, **env: str) -> Shop:
        mark = f"beside-{secrets.token_hex(4)}"
        shared = {
            "SHOP_KAFKA_BOOTSTRAP": shop.addresses["kafka"],
            "SHOP_DYNAMODB_ENDPOINT": shop.addresses["dynamodb"],
            "SHOP_AUTH_URL": shop.addresses["auth-stub"],
            "OTEL_EXPORTER_OTLP_ENDPOINT": shop.addresses["otlp"],
            "SHOP_TRACE_URL": shop.addresses["observatory"] + "/trace/{traceId}",
            "SHOP_KAFKA_TOPIC": mark,
            "SHOP_KAFKA_GROUP": mark,
            "SHOP_DYNAMODB_TABLE": mark,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        if "auth-stub" in parts:
            del shared["SHOP_AUTH_URL"]
        home = str(tmp_path_factory.mktemp(mark))
        begun.append(Shop.start(Options(parts=parts, free_ports=True, home=home, env=shared | env, timeout_s=100)))
        return begun[-1]

    yield start
    for one in begun:
        one.stop()
