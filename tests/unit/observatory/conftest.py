import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory.alerting.evaluation import Rule, load
from observatory.app import create_app
from observatory.forward import Forwarding
from observatory.ingest import Receiver
from observatory.ingest.otlp_json import read_json
from observatory.store import LogStore, MetricStore, Stores, TraceStore

Json = dict[str, Any]

START_NS = 1_790_000_000_000_000_000
RULES = Path(__file__).parents[3] / "services" / "observatory" / "alerting" / "rules.yaml"


@pytest.fixture
def stores() -> Stores:
    return Stores(TraceStore(100, 100_000), LogStore(100, 100_000), MetricStore(max_series=10, max_points=5, max_bytes=100_000))


class Clock:
    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rules() -> list[Rule]:
    return list(load(RULES))


@pytest.fixture
def client(stores: Stores, rules: list[Rule], clock: Clock) -> FlaskClient:
    return create_app(Receiver(stores, Forwarding(), clock), rules).test_client()


@pytest.fixture
def span() -> Callable[..., Json]:
    def make(
        trace: int = 1,
        number: int = 1,
        parent: int = 0,
        *,
        at_us: int = 0,
        lasts_us: int = 1_000,
        attributes: Json | None = None,
        **more: Any,
    ) -> Json:
        start_ns = START_NS + at_us * 1_000
        made = {
            "traceId": f"{trace:032x}",
            "spanId": f"{number:016x}",
            "name": "work",
            "kind": 1,
            "startTimeUnixNano": str(start_ns),
            "endTimeUnixNano": str(start_ns + lasts_us * 1_000),
            "attributes": _attributes(attributes or {}),
        }
        return made | ({"parentSpanId": f"{parent:016x}"} if parent else {}) | more

    return make


@pytest.fixture
def batch() -> Callable[..., Json]:
    def make(*spans: Json, service: str = "orders", **resource: Any) -> Json:
        owner = {"attributes": _attributes({"service.name": service} | resource)}
        return {"resourceSpans": [{"resource": owner, "scopeSpans": [{"scope": {"name": "tests"}, "spans": list(spans)}]}]}

    return make


@pytest.fixture
def otlp_bytes() -> Callable[[Json], bytes]:
    return lambda sent: read_json(json.dumps(sent).encode(), ExportTraceServiceRequest)[0].SerializeToString()


@pytest.fixture
def send(client: FlaskClient, batch: Callable[..., Json]) -> Callable[..., Json]:
    def post(*spans: Json, service: str = "orders", **resource: Any) -> Json:
        response = client.post("/v1/traces", json=batch(*spans, service=service, **resource))
        assert response.status_code == 200, response.text
        return response.get_json()

    return post


def _attributes(values: Json) -> list[Json]:
    types = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [
        {"key": key, "value": value if isinstance(value, dict) else {types[type(value)]: value}} for key, value in values.items()
    ]
