import io

import msgspec
from msgspec.structs import replace
from rich.console import Console

from vshop.shop.spans import read_spans, read_v1_spans
from vshop.shop.traces import Trace, add_logged_exceptions
from vshop.shop.waterfall import draw

V1 = {
    "traceID": "t",
    "processes": {"p1": {"serviceName": "orders", "tags": [{"key": "host.name", "value": "h"}]}},
    "spans": [
        {
            "traceID": "t",
            "spanID": "s",
            "operationName": "POST /orders",
            "references": [
                {"refType": "CHILD_OF", "traceID": "t", "spanID": "s0"},
                {"refType": "FOLLOWS_FROM", "traceID": "other", "spanID": "s9"},
            ],
            "startTime": 1,
            "duration": 9,
            "tags": [
                {"key": "span.kind", "value": "server"},
                {"key": "error", "value": True},
                {"key": "otel.status_code", "value": "ERROR"},
                {"key": "otel.status_description", "value": "no"},
                {"key": "shop.item.id", "value": 3},
            ],
            "logs": [{"timestamp": 5, "fields": [{"key": "event", "value": "exception"}, {"key": "exception.type", "value": "E"}]}],
            "processID": "p1",
        }
    ],
}
V3_SPAN = {
    "traceId": "t",
    "spanId": "s",
    "parentSpanId": "s0",
    "name": "POST /orders",
    "kind": 2,
    "startTimeUnixNano": "1000",
    "endTimeUnixNano": "10000",
    "attributes": [{"key": "shop.item.id", "value": {"intValue": "3"}}],
    "status": {"code": 2, "message": "no"},
    "events": [
        {
            "name": "exception",
            "timeUnixNano": "5000",
            "attributes": [{"key": "exception.type", "value": {"stringValue": "E"}}],
        }
    ],
    "links": [{"traceId": "other", "spanId": "s9"}],
}
RESOURCE = {"service.name": "orders", "host.name": "h"}


def test_both_versions_of_the_api_give_the_same_span() -> None:
    resource = {"attributes": [{"key": name, "value": {"stringValue": value}} for name, value in RESOURCE.items()]}
    v3 = {"result": {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [V3_SPAN]}]}]}}

    (span,) = read_v1_spans(V1)

    assert [msgspec.to_builtins(span)] == msgspec.to_builtins(read_spans(v3))
    assert (span.kind, span.failed, span.resource, span.attributes) == ("SERVER", True, RESOURCE, {"shop.item.id": 3})


def test_a_v1_parent_comes_before_a_child_of_the_same_microsecond() -> None:
    child = V1["spans"][0] | {"spanID": "child", "duration": 1}
    parent = V1["spans"][0] | {"spanID": "parent", "duration": 9}

    assert [span.span_id for span in read_v1_spans(V1 | {"spans": [child, parent]})] == ["parent", "child"]


def test_logged_exceptions_are_shown_as_those_of_events() -> None:
    (span,) = read_v1_spans(V1)
    failed = replace(span, events=[], status_message="ZeroDivisionError: by zero")
    record = {"eventName": "exception", "spanId": "s", "timestamp": 5, "attributes": {"exception.type": "ZeroDivisionError"}}
    others = [record | {"eventName": ""}, record | {"spanId": "other"}]
    console = Console(width=100, file=io.StringIO(), record=True)

    console.print(draw(Trace("t", [failed])))
    merged = add_logged_exceptions(Trace("t", [failed, span]), [record, *others]).spans

    assert "orders POST /orders: ZeroDivisionError: by zero" in console.export_text()
    assert [[event.attributes["exception.type"] for event in one.exceptions] for one in merged] == [["ZeroDivisionError"], ["E"]]


def test_a_v1_span_that_links_to_its_parent_is_below_it() -> None:
    """Jaeger writes such a parent as FOLLOWS_FROM; telemetrygen sends such spans."""
    followed = {"refType": "FOLLOWS_FROM", "traceID": "t", "spanID": "parent"}
    child = {"traceID": "t", "spanID": "child", "references": [followed]}
    (span,) = read_v1_spans({"spans": [child]})
    assert (span.parent_id, span.links) == ("parent", [("t", "parent")])
    (span,) = read_v1_spans({"spans": [child | {"references": [followed | {"traceID": "other"}]}]})
    assert (span.parent_id, span.links) == (None, [("other", "parent")])
