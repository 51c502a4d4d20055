"""An observatory without a network, and builders of OTLP's JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory import otlp_decode
from observatory.alerting import rules_file
from observatory.alerting.rule import Rule
from observatory.app import create_app
from observatory.log_store import LogStore
from observatory.metric_store import MetricStore
from observatory.trace_store import TraceStore

Json = dict[str, Any]

START_NS = 1_790_000_000_000_000_000
RULES = Path(__file__).parents[3] / "services" / "observatory" / "alert_rules.yaml"


class Stores(NamedTuple):
    """The stores behind the client."""

    traces: TraceStore
    logs: LogStore
    metrics: MetricStore


@pytest.fixture
def stores() -> Stores:
    """Small stores."""
    return Stores(TraceStore(100, 100_000), LogStore(100, 100_000), MetricStore(max_series=10, max_points=5, max_bytes=100_000))


class Clock:
    """A clock that stands until it is set.

    Attributes:
        now_ns: what it shows, in nanoseconds since the epoch.
    """

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        """Read it."""
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    """The clock that alerts go by."""
    return Clock()


@pytest.fixture
def rules() -> list[Rule]:
    """The alert rules as they are shipped; a test may replace some before it asks."""
    return list(rules_file.load(RULES))


@pytest.fixture
def client(stores: Stores, rules: list[Rule], clock: Clock) -> FlaskClient:
    """The application over these stores."""
    return create_app(*stores, rules, clock).test_client()


@pytest.fixture
def span() -> Callable[..., Json]:
    """Make a span: ids are small numbers, times microseconds after START_NS, attributes plain values."""

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
    """Make a request of spans of one service."""

    def make(*spans: Json, service: str = "orders", **resource: Any) -> Json:
        owner = {"attributes": _attributes({"service.name": service} | resource)}
        return {"resourceSpans": [{"resource": owner, "scopeSpans": [{"scope": {"name": "tests"}, "spans": list(spans)}]}]}

    return make


@pytest.fixture
def otlp_bytes() -> Callable[[Json], bytes]:
    """Turn a request of spans into protobuf."""
    return lambda sent: otlp_decode.json_body(json.dumps(sent).encode(), ExportTraceServiceRequest).SerializeToString()


@pytest.fixture
def send(client: FlaskClient, batch: Callable[..., Json]) -> Callable[..., Json]:
    """Send spans of one service and return the answer."""

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
