"""Any valid OTLP request, in every encoding, is stored, and everything that is not stored is counted."""

import json
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.alerting.evaluation import load
from observatory.app import create_app
from observatory.forward import Forwarding
from observatory.ingest import Receiver, grpc_server
from observatory.store import LogStore, MetricStore, Stores, TraceStore
from observatory.store.otlp import SIGNALS, as_dict
from tests.any_otlp import any_request
from tests.unit.observatory.conftest import RULES
from vshop.incidents.telemetry_fault import load_telemetry_faults
from vshop.kit.telemetry import SHOP_SERVICES

grpc = pytest.importorskip("grpc", reason="pip install 'virtual-shop[grpc]'")

ITEMS = {"traces": "spans", "logs": "log_records", "metrics": "data_points"}
ENCODINGS = ["protobuf", "json", "grpc"]
SEEDS = st.integers(0, 2**32)
ANY = settings(max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
QUERIES = (
    *("/api/services", "/api/operations?service=orders", "/api/dependencies", "/api/traces?service=orders&raw=true"),
    *("/api/v3/services", "/api/v3/operations", "/api/logs?limit=999", "/api/logs?search=a", "/api/metrics", "/api/telemetry"),
    "/api/v3/trace-summaries?query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=2262-01-01T00:00:00Z",
    *("/api/alerts", "/api/alerts?since=0"),
)


def count(message, name):
    found = 0
    for field, value in message.ListFields():
        parts = value if field.is_repeated else [value]
        if field.name == name:
            found += len(parts)
        elif field.type == field.TYPE_MESSAGE and field.name not in {"attributes", "exemplars"}:
            found += sum(count(part, name) for part in parts)
    return found


class Service:
    def __init__(self, stack):
        self.stores = Stores(TraceStore(100_000, 10**9), LogStore(100_000, 10**9), MetricStore(100_000, 1000, 10**9))
        self.receiver = Receiver(self.stores, Forwarding())
        self.client = create_app(self.receiver, list(load(RULES))).test_client()
        port = stack.enter_context(grpc_server.serving(self.receiver, "127.0.0.1", 0, 20_000_000))
        options = [("grpc.enable_http_proxy", 0)]
        self._channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}", options=options))

    def send(self, signal, encoding, request):
        raw, kind = request.SerializeToString(), SIGNALS[signal].request
        if encoding == "grpc":
            answer = self._channel.unary_unary(SIGNALS[signal].method)(raw, timeout=30)
        else:
            is_json = encoding == "json"
            body, mimetype = (json.dumps(as_dict(request)), "application/json") if is_json else (raw, "application/x-protobuf")
            response = self.client.post(f"/v1/{signal}", data=body, content_type=mimetype)
            assert response.status_code == 200, response.data
            if is_json:
                partial = response.get_json().get("partialSuccess", {})
                return sum(int(value) for name, value in partial.items() if name.startswith("rejected"))
            answer = response.data
        partial = type(self.receiver.receive(signal, kind())).FromString(answer).partial_success
        return sum(value for field, value in partial.ListFields() if field.name.startswith("rejected"))

    def counts(self):
        return self.client.get("/api/telemetry").get_json()


@pytest.fixture(scope="module")
def service():
    with ExitStack() as stack:
        yield Service(stack)


def check_counts(signal, before, after, sent, rejected):
    delta = {name: after[signal][name] - before[signal][name] for name in after[signal]}
    if signal == "traces":
        stored = delta["spans"] + delta["droppedSpans"] + delta["repeatedSpans"]
        assert (stored + rejected, delta["receivedSpans"], delta["refusedSpans"]) == (sent, sent, rejected)
    elif signal == "logs":
        assert (delta["records"] + delta["droppedRecords"], delta["receivedRecords"], rejected) == (sent, sent, 0)
    else:
        assert (delta["receivedPoints"], rejected) == (sent, 0)
        assert delta["points"] + delta["droppedPoints"] <= sent  # a late delta is added to another point


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("signal", ITEMS)
def test_every_item_is_stored_or_counted(service, signal, encoding):
    @ANY
    @given(SEEDS)
    def send(seed):
        request = any_request(signal, seed)
        before = service.counts()
        rejected = service.send(signal, encoding, request)
        check_counts(signal, before, service.counts(), count(request, ITEMS[signal]), rejected)

    send()
    for trace in service.stores.traces.traces():
        for path in ("/api/traces/", "/api/v3/traces/", "/api/outlines/"):
            assert service.client.get(path + trace.id.hex()).status_code == 200
    assert {path: service.client.get(path).status_code for path in QUERIES} == dict.fromkeys(QUERIES, 200)


@pytest.mark.parametrize("fault", load_telemetry_faults().values(), ids=lambda fault: fault.id)
def test_a_telemetry_fault_alters_any_request_without_an_error(fault):
    """Also of a sender that calls itself a service of the shop."""

    @ANY
    @given(SEEDS, st.sampled_from(sorted(ITEMS)), st.sampled_from(sorted(SHOP_SERVICES)))
    def send(seed, signal, shop_service):
        request = any_request(signal, seed)
        for group in request.ListFields()[0][1]:
            del group.resource.attributes[:]
            group.resource.attributes.add(key="service.name").value.string_value = shop_service
        stores = Stores(TraceStore(100_000, 10**9), LogStore(100_000, 10**9), MetricStore(100_000, 1000, 10**9))
        receiver = Receiver(stores, Forwarding(), now_ns=lambda: 1)
        receiver.faults.turn_on(fault.id, fault.alter)
        receiver.receive(signal, request)

    send()
