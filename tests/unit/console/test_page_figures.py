"""What the page reckons from traces and metrics."""

from typing import Any

import pytest

from console.page.insights import STEPS, insights
from console.page.self_time import own_us, self_times
from console.page.service_map import service_map
from console.page.trace_reading import Span, read, summary


def span(name: str, start: int, duration: int, **more: Any) -> Span:
    """Make a span; its id is its name."""
    values = {"service": "orders", "kind": "INTERNAL", "parent": None, "status": "UNSET", "attributes": {}}
    rest: dict[str, Any] = {"trace_id": "t", "id": name, "name": name, "message": "", "events": [], "links": [], "resource": {}}
    return Span(**(rest | values | more), start=start, duration=duration)


def test_self_time_is_what_no_child_accounts_for():
    """Children that overlap count once; one that outlasts its parent only as long as the parent ran."""
    parent = span("a", 0, 100)
    children = [span("b", 10, 30), span("c", 20, 40), span("d", 90, 500)]

    assert own_us(parent, children) == 100 - 50 - 10


def test_self_time_is_added_up_by_operation_the_most_first():
    trace = [span("a", 0, 100), span("b", 10, 80, parent="a", service="auth-stub")]

    told = self_times([trace, trace])

    assert [(row["operation"], row["count"], row["selfUs"]) for row in told["rows"]] == [("b", 2, 160), ("a", 2, 40)]
    assert told["totalUs"] == 200


def test_the_map_has_topics_and_tables_between_the_services():
    topic, table = {"messaging.destination.name": "new"}, {"db.collection.name": "stock", "db.system": "dynamodb"}
    trace = [
        span("post", 0, 10, kind="SERVER"),
        span("get", 1, 5, kind="CLIENT", parent="post", status="ERROR"),
        span("users", 2, 2, kind="SERVER", parent="get", service="auth-stub"),
        span("send", 6, 2, kind="PRODUCER", parent="post", attributes=topic),
        span("process", 9, 9, kind="CONSUMER", parent="send", service="stock-updater", attributes=topic),
        span("put", 10, 2, kind="CLIENT", parent="process", service="stock-updater", attributes=table),
    ]

    edges = {(edge["from"], edge["to"]): edge for edge in service_map([trace])["edges"]}

    assert set(edges) == {
        ("shopper", "orders"),
        ("orders", "auth-stub"),
        ("orders", "new"),
        ("new", "stock-updater"),
        ("stock-updater", "stock"),
    }
    assert edges["orders", "auth-stub"]["errors"] == 1
    assert edges["orders", "auth-stub"]["p50Us"] == 5


def test_a_call_that_nobody_answered_leads_elsewhere():
    trace = [span("get", 0, 5, kind="CLIENT", attributes={"server.address": "10.0.0.1", "server.port": 81})]

    assert service_map([trace])["edges"][0]["to"] == "10.0.0.1:81 (nobody answered)"


def test_no_trace_is_an_empty_map():
    assert service_map([])["edges"] == []


def _series(points: list[tuple[int, float]], began: int, **attributes: str) -> dict[str, Any]:
    told = [{"time": time * 10**6, "startTime": began * 10**6, "value": value} for time, value in points]
    return {"type": "sum", "attributes": attributes, "points": told}


def test_insights_count_from_before_the_first_error():
    """A counter that begins within the time shown rose from 0, although its first point holds 3 already."""
    now = 10_000
    metrics = {
        "shop.errors": [_series([(now - 10, 3), (now - 4, 5)], now - 10, **{"exception.type": "A"})],
        "shop.orders.placed": [_series([(now - 300, 7), (now, 9)], now - 900)],
    }

    told = insights(lambda name: metrics.get(name, []), now)

    assert told["totals"]["errors"] == 5
    assert sum(told["errors"]["A"]) == 5
    assert told["accepted"][0] == 0
    assert told["accepted"][-1] == 2
    assert told["lag"] == [0.0] * STEPS


def test_a_trace_is_read_and_summed_up():
    tags = [{"key": "span.kind", "value": "server"}, {"key": "error", "value": True}, {"key": "shop.order.id", "value": "o1"}]
    log = {"timestamp": 5, "fields": [{"key": "event", "value": "exception"}, {"key": "exception.type", "value": "KeyError"}]}
    elsewhere = {"refType": "FOLLOWS_FROM", "traceID": "other", "spanID": "s9"}
    raw = {
        "traceID": "t",
        "processes": {"p1": {"serviceName": "orders", "tags": []}},
        "spans": [
            {
                "traceID": "t",
                "spanID": "s",
                "operationName": "POST /orders",
                "references": [elsewhere],
                "startTime": 1,
                "duration": 9,
                "tags": tags,
                "logs": [log],
                "processID": "p1",
            }
        ],
    }

    (trace,) = read([raw])

    assert trace[0].links[0].trace_id == "other"
    assert trace[0].parent is None
    told = summary(trace)
    assert (told["errors"], told["orderId"], told["errorTypes"], told["duration"]) == (1, "o1", ["KeyError"], 9)


def test_what_is_no_span_kind_of_ours_is_left_out_of_the_map():
    assert service_map([[span("inner", 0, 1)]])["edges"] == []
    assert pytest.approx(0) == service_map([])["windowS"]
