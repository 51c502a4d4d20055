import gzip
import json
import time
import zlib

import psutil
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

QUESTIONS = (
    "/api/services",
    "/api/operations?service=fuzz",
    "/api/traces?service=fuzz&limit=1000",
    '/api/traces?service=fuzz&tags={"error":"true"}',
    "/api/dependencies",
    "/api/v3/services",
    "/api/v3/traces?query.start_time_min=1970-01-01T00:00:00Z&query.start_time_max=2554-01-01T00:00:00Z",
    "/api/logs?limit=1000",
    "/api/logs?search=x",
    "/api/metrics",
    "/api/alerts?since=0",
    "/api/telemetry",
)
SIGNALS = st.sampled_from(["traces", "logs", "metrics"])
TYPES = st.sampled_from(["application/x-protobuf", "application/json", "application/json; charset=klingon", "text/plain", ""])
ENCODINGS = st.sampled_from(["", "gzip", "deflate", "identity", "br", "\x7f"])
NUMBERS = st.integers(0, 2**64 - 1)


def _deep(depth):
    value = AnyValue(double_value=float("nan"))
    for _ in range(depth):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    return value


VALUES = st.one_of(
    st.text().map(lambda text: AnyValue(string_value=text)),
    st.floats().map(lambda number: AnyValue(double_value=number)),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: AnyValue(int_value=number)),
    st.binary().map(lambda raw: AnyValue(bytes_value=raw)),
    st.integers(0, 40).map(_deep),
    st.just(AnyValue()),
)
NAMES = st.text() | st.sampled_from(["ip", "exception.type", "event"])
ATTRIBUTES = st.lists(st.builds(KeyValue, key=NAMES, value=VALUES), max_size=4)
EVENT_NAMES = st.sampled_from(["exception", "x"])
EVENTS = st.lists(st.builds(Span.Event, name=EVENT_NAMES, time_unix_nano=NUMBERS, attributes=ATTRIBUTES), max_size=2)
LINKS = st.lists(
    st.builds(Span.Link, trace_id=st.binary(max_size=17), span_id=st.binary(max_size=9), attributes=ATTRIBUTES), max_size=2
)
SPANS = st.builds(
    Span,
    trace_id=st.integers(1, 3).map(lambda number: number.to_bytes(16, "big")),
    span_id=st.integers(1, 5).map(lambda number: number.to_bytes(8, "big")),
    parent_span_id=st.integers(0, 5).map(lambda number: number.to_bytes(8, "big")),
    name=st.one_of(st.text(), st.sampled_from(["POST /orders", "send queuing.retail_site.new_orders"])),
    kind=st.integers(0, 9),
    start_time_unix_nano=NUMBERS,
    end_time_unix_nano=NUMBERS,
    attributes=ATTRIBUTES,
    events=EVENTS,
    links=LINKS,
)

TIMES = {
    "start_time_unix_nano": st.integers(0, 9) | NUMBERS,
    "time_unix_nano": st.integers(0, 9) | NUMBERS,
    "flags": st.integers(0, 1),
}
INTEGERS = st.builds(NumberDataPoint, **TIMES, as_int=st.integers(-(2**63), 2**63 - 1))
FLOATS = st.builds(NumberDataPoint, **TIMES, as_double=st.floats())
HISTOGRAMS = st.builds(
    HistogramDataPoint,
    **TIMES,
    count=NUMBERS,
    sum=st.floats(),
    bucket_counts=st.lists(NUMBERS, max_size=3),
    explicit_bounds=st.lists(st.floats(), max_size=2),
)
EXPONENTIAL = st.builds(ExponentialHistogramDataPoint, **TIMES, count=NUMBERS, scale=st.integers(-99, 99))
TEMPORALITIES = st.integers(0, 3)


def _metrics(field, data, points):
    built = st.builds(data, data_points=st.lists(points, max_size=4), aggregation_temporality=TEMPORALITIES)
    return built.map(lambda value: Metric(name=f"fuzz.{field}", **{field: value}))


METRICS = st.one_of(
    _metrics("sum", Sum, INTEGERS | FLOATS),
    _metrics("histogram", Histogram, HISTOGRAMS),
    _metrics("exponential_histogram", ExponentialHistogram, EXPONENTIAL),
)


KEYS = st.sampled_from(["resourceSpans", "resourceLogs", "resourceMetrics", "scopeSpans", "spans", "traceId", "attributes", "x"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def _containers(inner):
    return st.lists(inner) | st.dictionaries(KEYS, inner)


JSON = st.recursive(LEAVES, _containers, max_leaves=10)


def _request(spans):
    owner = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value="fuzz"))])
    sent = ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=owner, scope_spans=[ScopeSpans(spans=spans)])])
    return sent.SerializeToString()


@pytest.fixture
def post(shop):
    with requests.Session() as session:

        def send(signal, body, content_type="application/x-protobuf", encoding=""):
            headers = {"Content-Type": content_type} | ({"Content-Encoding": encoding} if encoding else {})
            return session.post(f"{shop.addresses['observatory']}/v1/{signal}", data=body, headers=headers, timeout=60).status_code

        yield send


@pytest.fixture
def readable(shop, post):
    def check():
        url = shop.addresses["observatory"]
        trace_id = time.time_ns().to_bytes(16, "big")
        assert post("traces", _request([Span(trace_id=trace_id, span_id=b"12345678", name="valid")])) == 200
        assert requests.get(f"{url}/api/traces/{trace_id.hex()}", timeout=10).status_code == 200
        assert {path: requests.get(url + path, timeout=60).status_code for path in QUESTIONS} == dict.fromkeys(QUESTIONS, 200)

    return check


def test_any_bytes_are_taken_or_refused(post, readable):
    @given(SIGNALS, st.binary(max_size=500), TYPES, ENCODINGS, st.sampled_from([bytes, gzip.compress, zlib.compress]))
    def send(signal, body, content_type, encoding, compress):
        assert post(signal, compress(body), content_type, encoding) in {200, 400, 413, 415}

    send()
    readable()


def test_mutated_protobuf_is_taken_or_refused(post, readable):
    @given(SIGNALS, st.lists(SPANS, max_size=3), st.data())
    def send(signal, spans, data):
        body = bytearray(_request(spans))
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(body)))
            body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        assert post(signal, bytes(body)) in {200, 400}

    send()
    readable()


def test_strange_spans_stay_readable(post, readable):
    @given(st.lists(SPANS, max_size=5))
    def send(spans):
        assert post("traces", _request(spans)) == 200

    send()
    readable()


def test_strange_metrics_stay_readable(post, readable):
    @given(st.lists(METRICS, max_size=4))
    def send(metrics):
        sent = ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(scope_metrics=[ScopeMetrics(metrics=metrics)])])
        assert post("metrics", sent.SerializeToString()) == 200

    send()
    readable()


def test_any_json_is_taken_or_refused(post, readable):
    @given(SIGNALS, st.dictionaries(KEYS, JSON))
    def send(signal, content):
        assert post(signal, json.dumps(content), "application/json") in {200, 400}

    send()
    readable()


def test_large_and_deep_bodies_are_refused(shop, post, readable):
    deep = b'{"resourceSpans":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    bomb = gzip.compress(b"\0" * 30_000_000)
    bodies = {
        ("application/json", ""): deep,
        ("application/x-protobuf", "gzip"): bomb,
        ("application/x-protobuf", ""): b"\n" * (20 * 1024 * 1024 + 1),
        ("application/json", "gzip"): gzip.compress(b"") * 100_000,
        ("application/x-protobuf", "deflate"): _request([Span(name="x")]),
    }

    assert {kind: post("traces", body, *kind) // 100 for kind, body in bodies.items()} == dict.fromkeys(bodies, 4)
    assert psutil.Process(shop.state.processes["observatory"].pid).memory_info().rss < 500_000_000
    readable()
