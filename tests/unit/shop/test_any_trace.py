import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status, TracesData
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from rich.console import Console

from console.page.trace_statistics import self_times, service_map
from console.page.traces import summary, view
from observatory.store.otlp import as_dict
from vshop.shop.hops import report_hops
from vshop.shop.spans import log_text, read_spans
from vshop.shop.traces import Trace, missing_hop
from vshop.shop.waterfall import MOST_ROWS, draw

_KEYS = ["", "http.response.status_code", "http.status_code", "http.method", "http.url", "exception.type", "exception.message"]
_KEYS += ["error.type", "messaging.destination.name", "shop.order.id", "service.name", "db.system", "é"]
_TEXTS = ["", "orders", "http://[", "http://h:99999", "404", "a: b", "\n", "[red]", "\U0001f6d2"]
_IDS = [b"", b"\0" * 8, *(bytes([number]) * 8 for number in range(1, 5)), b"\5", b"\6" * 17]
_TRACE_IDS = [b"", b"\1" * 16, b"\2" * 16, b"\3" * 5]
_TIMES = [0, 1, 2**64 - 1, *(1_790_000_000_000_000_000 + step * 1_000_000 for step in range(9))]


def _value(rng: random.Random, depth: int = 0) -> AnyValue:
    make: list[Callable[[], AnyValue]] = [
        AnyValue,
        lambda: AnyValue(string_value=rng.choice(_TEXTS)),
        lambda: AnyValue(bool_value=rng.random() < 0.5),
        lambda: AnyValue(int_value=rng.choice([0, 404, -1, 2**63 - 1, -(2**63)])),
        lambda: AnyValue(double_value=rng.choice([0.5, 200.0, float("nan"), float("inf"), 1e308])),
        lambda: AnyValue(bytes_value=rng.randbytes(3)),
        lambda: AnyValue(array_value=ArrayValue(values=[_value(rng, depth + 1) for _ in range(rng.randrange(3))])),
        lambda: AnyValue(kvlist_value=KeyValueList(values=_attributes(rng, depth + 1))),
    ]
    return rng.choice(make[:6] if depth > 2 else make)()


def _attributes(rng: random.Random, depth: int = 0) -> list[KeyValue]:
    return [KeyValue(key=rng.choice(_KEYS), value=_value(rng, depth)) for _ in range(rng.randrange(4))]


def _message(rng: random.Random) -> SpanMessage:
    return SpanMessage(
        trace_id=rng.choice(_TRACE_IDS),
        span_id=rng.choice(_IDS),
        parent_span_id=rng.choice(_IDS),
        name=rng.choice(["POST /orders", *_TEXTS]),
        kind=rng.randrange(10),  # type: ignore[arg-type]
        start_time_unix_nano=rng.choice(_TIMES),
        end_time_unix_nano=rng.choice(_TIMES),
        attributes=_attributes(rng),
        status=Status(code=rng.randrange(5), message=rng.choice(_TEXTS)),  # type: ignore[arg-type]
        links=[SpanMessage.Link(trace_id=rng.choice(_TRACE_IDS), span_id=rng.choice(_IDS)) for _ in range(rng.randrange(3))],
        events=[
            SpanMessage.Event(name=rng.choice(["", "exception"]), time_unix_nano=rng.choice(_TIMES), attributes=_attributes(rng))
            for _ in range(rng.randrange(3))
        ],
    )


def _request(rng: random.Random) -> TracesData:
    groups = []
    for _ in range(rng.randrange(4)):
        scopes = [ScopeSpans(spans=[_message(rng) for _ in range(rng.randrange(6))]) for _ in range(rng.randrange(3))]
        resource = Resource(attributes=_attributes(rng)) if rng.random() < 0.7 else None
        groups.append(ResourceSpans(resource=resource, scope_spans=scopes))
    return TracesData(resource_spans=groups)


def _text(trace: Trace, width: int = 200, limit: int | None = None) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(draw(trace, width, limit))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def _span(number: int, parent: int | None, **more: Any) -> dict[str, Any]:
    span = {"traceId": "a" * 32, "spanId": f"{number:016x}", "name": f"n{number}", "kind": 1}
    times = {"startTimeUnixNano": str(10**18 + number), "endTimeUnixNano": str(10**18 + number + 5)}
    return span | times | ({} if parent is None else {"parentSpanId": f"{parent:016x}"}) | more


def _trace(spans: list[dict[str, Any]]) -> Trace:
    return Trace("a" * 32, read_spans({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(30, 200))
def test_any_valid_trace_is_drawn(seed: int, width: int) -> None:
    request = _request(random.Random(seed))  # noqa: S311 - tests
    sent = sum(len(scope.spans) for group in request.resource_spans for scope in group.scope_spans)
    trace = Trace("t", read_spans(as_dict(request)))

    rows = [id(span) for _, span in trace.walk()]
    hidden = [id(span) for span in trace.tree.duplicates]
    assert len(trace.spans) == sent
    assert sorted(rows + hidden) == sorted(map(id, trace.spans))
    assert bool(hidden) == any("sent more than once" in note for note in trace.notes)

    assert all(note in " ".join(_text(trace, 200).split()) for note in trace.notes)
    _text(trace, width)
    missing_hop(trace)
    report_hops(trace.spans, {"t"}, {})
    for span in trace.spans:
        trace.branch(span.span_id)
    if trace.spans:
        assert len(view(trace)["spans"]) == sent
        summary(trace)
        self_times([trace])
        service_map([trace], 0.0)


@pytest.mark.parametrize(
    "span",
    [
        {},
        {"name": None, "kind": None, "status": None, "attributes": None, "links": None, "events": None},
        {"kind": "7", "status": {"code": 3}, "startTimeUnixNano": "0"},
        {"kind": "SPAN_KIND_NEW", "status": {"code": "STATUS_CODE_NEW"}},
        {"startTimeUnixNano": 1.5e18, "endTimeUnixNano": "1e18", "links": [{"traceId": "b"}, {}, None]},
        {"startTimeUnixNano": "soon", "attributes": [{}, None, {"key": "k"}, {"key": "a", "value": {"arrayValue": {}}}]},
        {"attributes": [{"key": "http.response.status_code", "value": {"stringValue": "teapot"}}]},
        {"events": [{"name": "exception", "attributes": [{"key": "exception.message", "value": {"intValue": 7}}]}]},
        {"status": {"code": 2}, "events": [{"attributes": [{"key": "k", "value": {"arrayValue": {"values": [None]}}}]}]},
    ],
)
def test_incomplete_span_is_drawn(span: dict[str, Any]) -> None:
    trace = _trace([span])

    assert len(trace.tree.rows) == 1
    assert _text(trace).strip()
    assert view(trace)["summary"]["spans"] == 1


def test_http_status_as_text_is_a_status() -> None:
    codes = [{"key": "http.response.status_code", "value": {"stringValue": "404"}}]

    assert "404" in _text(_trace([_span(1, None, attributes=codes)]))


@pytest.mark.parametrize(
    ("parents", "depths", "cyclic"),
    [
        ({1: 1}, {1: 0}, 1),
        ({1: 2, 2: 1}, {1: 0, 2: 1}, 2),
        ({1: None, 2: 3, 3: 2}, {1: 0, 2: 0, 3: 1}, 2),
        ({1: 3, 2: 3, 3: 2}, {2: 0, 3: 1, 1: 2}, 2),
        ({1: 9, 2: 1}, {1: 0, 2: 1}, 0),
    ],
)
def test_cycle_is_cut_above_its_earliest_span(parents: dict[int, int | None], depths: dict[int, int], cyclic: int) -> None:
    trace = _trace([_span(number, parent) for number, parent in parents.items()])

    assert {int(span.span_id, 16): depth for depth, span in trace.walk()} == depths
    assert len(trace.tree.cyclic) == cyclic
    assert ("parent cycle" in _text(trace)) == (cyclic > 0)


def test_repeated_span_is_shown_once_as_it_ended_last() -> None:
    early = _span(1, None, endTimeUnixNano="0")
    trace = _trace([early, _span(1, None), _span(2, 1)])

    assert [(depth, span.end_ns % 100) for depth, span in trace.walk()] == [(0, 6), (1, 7)]
    assert trace.notes == ["1 span hidden: sent more than once"]
    assert all(len(trace.children(span)) == 1 for span in trace.spans[:2])


def test_server_with_its_callers_id_is_below_the_caller() -> None:
    """Zipkin's shared spans: 15 hops took 44 s, and twice as long for each further hop."""
    trace = _trace([_span(hop, hop - 1 or None, kind=kind) for hop in range(1, 41) for kind in (3, 2)])

    assert [(depth, span.kind) for depth, span in trace.walk()] == [(depth, ("CLIENT", "SERVER")[depth % 2]) for depth in range(80)]
    assert trace.notes == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("count", "chain"), [(1_500, True), (8_000, True), (50_000, True), (50_000, False)])
def test_large_trace_is_drawn(count: int, *, chain: bool) -> None:
    trace = _trace([_span(number, (number - 1 if chain else 1) if number > 1 else None) for number in range(1, count + 1)])

    assert max(depth for depth, _ in trace.walk()) == (count - 1 if chain else 1)
    text = _text(trace, limit=MOST_ROWS)
    assert f"{count - MOST_ROWS} more spans not drawn" in text
    assert len(text.splitlines()) < 2 * MOST_ROWS + 10
    assert len(trace.branch(trace.spans[0].span_id).spans) == count
    self_times([trace])
    service_map([trace], 0.0)


@pytest.mark.parametrize(
    ("body", "text"),
    [("a", "a"), ({"a": 1}, '{"a": 1}'), ([1], "[1]"), (False, "false"), (0, "0"), (None, "null")],
)
def test_log_body_is_shown_as_json(body: Any, text: str) -> None:
    assert log_text({"body": body}) == text
