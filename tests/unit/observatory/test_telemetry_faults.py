from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory.ingest.faults import Later, TelemetryFaults
from vshop.kit.telemetry.alterations import Alteration

TRACE = bytes.fromhex("f0" * 8 + "01" * 8)
NOW = 2_000_000_000_000_000_000


class ByHand(Later):
    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def call(self, seconds: float, function: Callable[[], None]) -> None:
        self.waiting.append((seconds, function))

    def run(self) -> None:
        while self.waiting:
            self.waiting.pop(0)[1]()


class Bench:
    def __init__(self) -> None:
        self.now = NOW
        self.later = ByHand()
        self.emitted: list[Any] = []
        self.faults = TelemetryFaults(lambda _signal, message: self.emitted.append(message), lambda: self.now, self.later)

    def alter(self, *alterations: Alteration) -> None:
        self.faults.turn_on("a-fault", alterations)

    def send(self, *sent: dict[str, Any]) -> list[tuple[str, Any]]:
        return listed(self.faults.apply("traces", request(*sent)))


def request(*sent: dict[str, Any]) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    for one in sent:
        resource = made.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = one.get("service", "orders")
        span = resource.scope_spans.add().spans.add(
            trace_id=one.get("trace_id", TRACE),
            span_id=one.get("span_id", b"\x01" * 8),
            parent_span_id=one.get("parent_span_id", b""),
            name=one.get("name", "POST /orders"),
            kind=one.get("kind", "SPAN_KIND_SERVER"),
            start_time_unix_nano=one.get("start", NOW + 1),
            end_time_unix_nano=one.get("start", NOW + 1) + 5,
        )
        span.status.code = one.get("status", 0)
        for key, value in one.get("attributes", {}).items():
            span.attributes.add(key=key).value.string_value = value
        for _ in range(one.get("links", 0)):
            span.links.add(trace_id=TRACE, span_id=b"\x09" * 8)
        span.events.add(name="moment", time_unix_nano=span.start_time_unix_nano)
    return made


def listed(message: ExportTraceServiceRequest) -> list[tuple[str, Any]]:
    return [
        (resource.resource.attributes[0].value.string_value, span)
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_without_a_fault_a_request_is_unchanged(bench: Bench) -> None:
    sent = request({}, {"service": "stock-updater"})
    before = sent.SerializeToString()

    assert bench.faults.apply("traces", sent).SerializeToString() == before


def test_drop_withholds_only_the_named_spans(bench: Bench) -> None:
    bench.alter(Alteration(action="drop", services=["orders"], name="send ", kind="PRODUCER"))

    found = bench.send(
        {"name": "send a", "kind": "SPAN_KIND_PRODUCER"}, {"name": "send a"}, {"service": "auth-stub", "name": "send a"}
    )

    assert [(service, span.kind) for service, span in found] == [("orders", 2), ("auth-stub", 2)]


def test_other_services_telemetry_is_never_altered(bench: Bench) -> None:
    bench.alter(Alteration(action="drop"))

    assert [service for service, _ in bench.send({"service": "loyalty"}, {"service": "orders"})] == ["loyalty"]


def test_delay_delivers_the_same_span_later(bench: Bench) -> None:
    bench.alter(Alteration(action="delay", ms=3000))

    assert bench.send({"name": "late"}) == []
    assert [seconds for seconds, _ in bench.later.waiting] == [3.0]
    bench.later.run()

    assert [(service, span.name) for service, span in listed(bench.emitted[0])] == [("orders", "late")]


@pytest.mark.parametrize("ms", [5000, -5000])
def test_shift_moves_every_time_of_a_span(bench: Bench, ms: int) -> None:
    bench.alter(Alteration(action="shift", ms=ms))

    ((_, span),) = bench.send({})

    moved = [span.start_time_unix_nano - NOW - 1, span.end_time_unix_nano - NOW - 6, span.events[0].time_unix_nano - NOW - 1]
    assert moved == [ms * 1_000_000] * 3


def test_duplicate_delivers_a_second_span_with_the_same_id(bench: Bench) -> None:
    bench.alter(Alteration(action="duplicate"))

    first, second = (span for _, span in bench.send({"attributes": {"a": "b"}}))

    assert (first.span_id, len(first.attributes)) == (second.span_id, 1)
    assert (len(second.attributes), second.dropped_attributes_count) == (0, 1)


def test_a_shortened_trace_id_keeps_its_lower_half(bench: Bench) -> None:
    bench.alter(Alteration(action="shortenTraceId"))

    assert [span.trace_id.hex() for _, span in bench.send({})] == ["00" * 8 + "01" * 8]


def test_strip_removes_attributes_and_counts_them(bench: Bench) -> None:
    bench.alter(Alteration(action="strip", keys=["shop.", "db.name"]))

    ((_, span),) = bench.send({"attributes": {"shop.a": "1", "db.name": "2", "http.route": "3"}})

    assert ([pair.key for pair in span.attributes], span.dropped_attributes_count) == (["http.route"], 2)


def test_cut_shortens_only_the_named_text(bench: Bench) -> None:
    bench.alter(Alteration(action="cut", keys=["body"], length=3))

    ((_, span),) = bench.send({"attributes": {"body": "12345", "other": "12345"}})

    assert [pair.value.string_value for pair in span.attributes] == ["123", "12345"]


def test_unlink_removes_parent_and_links(bench: Bench) -> None:
    bench.alter(Alteration(action="unlink"))

    ((_, span),) = bench.send({"links": 2, "parent_span_id": b"\x07" * 8})

    assert (len(span.links), span.dropped_links_count, span.parent_span_id) == (0, 2, b"")


def test_keep_counts_by_trace_and_service_across_requests(bench: Bench) -> None:
    bench.alter(Alteration(action="keep", count=1))
    other = bytes.fromhex("aa" * 16)
    found = bench.send({"name": "a"}, {"name": "b"}, {"name": "c", "service": "auth-stub"})
    found += bench.send({"name": "d"}, {"name": "e", "trace_id": other})

    assert [span.name for _, span in found] == ["a", "c", "e"]


def test_sample_decides_by_the_trace_id_as_the_sdk_does(bench: Bench) -> None:
    bench.alter(Alteration(action="sample", ratio=0.1))
    kept, dropped = bytes.fromhex("ff" * 8 + "19" + "00" * 7), bytes.fromhex("00" * 8 + "1a" + "00" * 7)
    assert [span.trace_id for _, span in bench.send({"trace_id": kept}, {"trace_id": dropped})] == [kept]


def test_two_samplers_read_different_halves_of_the_id() -> None:
    low, high = (Alteration(action="sample", ratio=0.5, half=half) for half in ("low", "high"))

    assert (low.samples("ff" * 8 + "01" * 8), high.samples("ff" * 8 + "01" * 8)) == (True, False)
    assert not Alteration(action="sample", ratio=0.0).samples("00" * 16)
    assert Alteration(action="sample", ratio=1.0).samples("ff" * 16)


def test_tail_sampling_keeps_a_trace_with_an_error_and_drops_the_others(bench: Bench) -> None:
    bench.alter(Alteration(action="sampleErrors", ms=2000))
    other = bytes.fromhex("aa" * 16)

    assert bench.send({"name": "a"}, {"name": "b", "status": 2}, {"name": "c", "trace_id": other}) == []
    bench.later.run()
    late = bench.send({"name": "d"}, {"name": "e", "trace_id": other})

    assert [span.name for message in bench.emitted for _, span in listed(message)] == ["a", "b"]
    assert [span.name for _, span in late] == ["d"]


def test_rename_sets_the_name_of_the_named_service_only(bench: Bench) -> None:
    bench.alter(Alteration(action="renameService", services=["stock-updater"], text="unknown_service"))

    assert sorted(name for name, _ in bench.send({"service": "stock-updater"}, {})) == ["orders", "unknown_service"]


def test_mirror_reverses_the_order_of_a_traces_logs(bench: Bench) -> None:
    bench.alter(Alteration(action="mirror", signals=["logs"]))
    sent = ExportLogsServiceRequest()
    resource = sent.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "orders"
    for at in (1, 5, 9):
        resource.scope_logs.add().log_records.add(trace_id=TRACE, time_unix_nano=NOW + at, severity_text=str(at))

    records = [one for scope in bench.faults.apply("logs", sent).resource_logs[0].scope_logs for one in scope.log_records]

    assert [one.severity_text for one in sorted(records, key=lambda one: one.time_unix_nano)] == ["9", "5", "1"]


def test_metrics_of_a_service_are_withheld_while_a_fault_is_on(bench: Bench) -> None:
    bench.alter(Alteration(action="drop", signals=["metrics"], services=["orders"]))

    def send() -> int:
        sent = ExportMetricsServiceRequest()
        resource = sent.resource_metrics.add()
        resource.resource.attributes.add(key="service.name").value.string_value = "orders"
        resource.scope_metrics.add().metrics.add(name="a")
        return len(bench.faults.apply("metrics", sent).resource_metrics[0].scope_metrics[0].metrics)

    assert send() == 0
    bench.faults.turn_off()
    bench.now += 1
    assert send() == 1


def test_a_fault_acts_on_traces_that_began_while_it_was_on(bench: Bench) -> None:
    before, during, after = (bytes([number]) * 16 for number in (1, 2, 3))
    bench.alter(Alteration(action="drop"))
    bench.now += 100
    bench.faults.turn_off("a-fault")

    found = bench.send(
        {"trace_id": before, "start": NOW - 1}, {"trace_id": during, "start": NOW + 50}, {"trace_id": after, "start": NOW + 101}
    )

    assert [span.trace_id for _, span in found] == [before, after]
    assert bench.send({"trace_id": during, "start": NOW + 500}) == [], "the same trace is not altered by halves"


def test_an_expired_fault_is_off_and_forgotten_after_a_while(bench: Bench) -> None:
    bench.faults.turn_on("a-fault", [Alteration(action="drop")], seconds=1)
    bench.now += 2_000_000_000

    assert bench.faults.on() == []
    assert len(bench.send({"start": bench.now})) == 1
    bench.now += 3_600 * 10**9
    assert len(bench.send({"start": NOW + 1, "trace_id": b"\x05" * 16})) == 1


def test_the_api_lists_and_switches(client: FlaskClient) -> None:
    url = "/api/telemetry-faults"
    answer = client.put(f"{url}/a-fault", json={"alter": [{"action": "drop", "services": ["orders"]}], "seconds": 60})

    assert (answer.status_code, answer.json["alter"]) == (200, [{"action": "drop", "signals": ["spans"], "services": ["orders"]}])
    assert [one["id"] for one in client.get(url).json["faults"]] == ["a-fault"]
    assert client.delete(f"{url}/other").json == {"off": []}
    assert client.delete(url).json == {"off": ["a-fault"]}
    assert client.get(url).json == {"faults": []}


@pytest.mark.parametrize(
    "body", [{}, {"alter": []}, {"alter": [{"action": "explode"}]}, {"alter": [{"action": "sample", "ratio": 2}]}, [1]]
)
def test_an_invalid_fault_is_refused(client: FlaskClient, body: Any) -> None:
    answer = client.put("/api/telemetry-faults/a-fault", data=msgspec.json.encode(body), content_type="application/json")

    assert (answer.status_code, client.get("/api/telemetry-faults").json) == (400, {"faults": []})


def test_a_fault_alters_what_is_received(client: FlaskClient) -> None:
    client.put("/api/telemetry-faults/a-fault", json={"alter": [{"action": "drop", "name": "send"}]})
    start = 4_000_000_000_000_000_000
    sent = request({"name": "send x", "start": start}, {"name": "kept", "start": start, "span_id": b"\x02" * 8})
    client.post("/v1/traces", data=sent.SerializeToString(), content_type="application/x-protobuf")

    spans = client.get(f"/api/traces/{TRACE.hex()}").json["data"][0]["spans"]

    assert [one["operationName"] for one in spans] == ["kept"]


def test_a_span_with_an_invalid_id_does_not_break_a_fault(bench: Bench) -> None:
    bench.alter(*(Alteration(action=action, ratio=1.0, ms=0) for action in ("sample", "shortenTraceId", "mirror", "keep")))

    assert bench.send({"trace_id": b""}, {"trace_id": b"ab"}) == []
