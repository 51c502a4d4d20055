from typing import Any

import pytest

from console.page.telemetry_api import STEPS, insights
from console.page.trace_statistics import self_times, self_us, service_map
from console.page.traces import view
from vshop.shop.spans import Event, Span
from vshop.shop.traces import Trace

NOW = 300.0


def span(name: str, start: int, duration: int, parent: str | None = None, **more: Any) -> Span:
    values: dict[str, Any] = {"service": "orders", "kind": "INTERNAL", "status": "UNSET", "status_message": "", "attributes": {}}
    values |= {"events": [], "links": [], "resource": {}} | more
    times = {"start_ns": start * 1000, "end_ns": (start + duration) * 1000}
    return Span(trace_id="t", span_id=name, parent_id=parent, name=name, **times, **values)


def trace_of(*spans: Span) -> Trace:
    return Trace("t", list(spans))


def test_self_time_excludes_the_children():
    parent = span("a", 0, 100)
    children = [span("b", 10, 30), span("c", 20, 40), span("d", 90, 500)]

    assert self_us(parent, children) == 100 - 50 - 10


def test_self_time_is_summed_by_operation_and_sorted():
    trace = trace_of(span("a", 0, 100), span("b", 10, 80, parent="a", service="auth-stub"))

    told = self_times([trace, trace])

    assert [(row["operation"], row["count"], row["selfUs"]) for row in told["rows"]] == [("b", 2, 160), ("a", 2, 40)]
    assert told["totalUs"] == 200


def test_the_map_has_topics_and_tables_between_the_services():
    topic, table = {"messaging.destination.name": "new"}, {"db.collection.name": "stock", "db.system": "dynamodb"}
    trace = trace_of(
        span("post", 0, 10, kind="SERVER"),
        span("get", 1, 5, kind="CLIENT", parent="post", status="ERROR"),
        span("users", 2, 2, kind="SERVER", parent="get", service="auth-stub"),
        span("send", 6, 2, kind="PRODUCER", parent="post", attributes=topic),
        span("process", 9, 9, kind="CONSUMER", parent="send", service="stock-updater", attributes=topic),
        span("put", 10, 2, kind="CLIENT", parent="process", service="stock-updater", attributes=table),
    )

    edges = {(edge["from"], edge["to"]): edge for edge in service_map([trace], NOW)["edges"]}

    assert set(edges) == {
        ("shopper", "orders"),
        ("orders", "auth-stub"),
        ("orders", "new"),
        ("new", "stock-updater"),
        ("stock-updater", "stock"),
    }
    assert edges["orders", "auth-stub"]["errors"] == 1
    assert edges["orders", "auth-stub"]["p50Us"] == 5


def test_a_refused_order_is_an_error_on_the_map_and_among_the_self_times():
    """The span of a server that answers 4xx has no error of its own."""
    refused = trace_of(span("post", 0, 10, kind="SERVER", attributes={"http.response.status_code": 401}))
    accepted = trace_of(span("post", 0, 10, kind="SERVER", attributes={"http.response.status_code": 202}))

    assert service_map([refused, accepted], NOW)["edges"][0]["errors"] == 1
    assert self_times([refused, accepted])["rows"][0]["errors"] == 1


def test_an_unanswered_call_is_an_edge_to_its_address():
    trace = trace_of(span("get", 0, 5, kind="CLIENT", attributes={"server.address": "10.0.0.1", "server.port": 81}))

    assert service_map([trace], NOW)["edges"][0]["to"] == "10.0.0.1:81 (no response)"


def test_an_answered_call_without_the_other_side_is_an_edge_to_the_known_service():
    to_auth = {"server.address": "10.0.0.1", "server.port": 81, "http.response.status_code": 200}
    early = trace_of(span("get", 0, 5, kind="CLIENT", attributes=to_auth))
    whole = trace_of(
        span("get", 0, 5, kind="CLIENT", attributes=to_auth), span("users", 1, 2, "get", kind="SERVER", service="auth-stub")
    )

    assert [(edge["to"], edge["count"]) for edge in service_map([early, whole], NOW)["edges"]] == [("auth-stub", 2)]
    assert service_map([early], NOW)["edges"][0]["to"] == "10.0.0.1:81"


def test_without_traces_the_map_is_empty():
    assert service_map([], NOW)["edges"] == []


def _series(points: list[tuple[int, float]], began: int, service: str = "orders", **attributes: str) -> dict[str, Any]:
    told = [{"time": time * 10**6, "startTime": began * 10**6, "value": value} for time, value in points]
    return {"service": service, "type": "sum", "attributes": attributes, "points": told}


def test_insights_count_from_before_the_first_error():
    """A counter that starts within the window rose from 0."""
    now = 10_000
    metrics = {
        "shop.errors": [_series([(now - 10, 3), (now - 4, 5)], now - 11, **{"exception.type": "A"})],
        "shop.orders.placed": [_series([(now - 300, 7), (now, 9)], now - 900), _series([(now, 50)], now - 4, service="foreign")],
        "shop.consumer.lag": [_series([(now, 6)], now - 4, service="foreign")],
    }

    told = insights(lambda name: metrics.get(name, []), now)

    assert (told["totals"]["errors"], told["totals"]["accepted"]) == (5, 9)
    assert sum(told["errors"]["A"]) == 5
    assert told["accepted"][0] == 0
    assert told["accepted"][-1] == 2
    assert told["lag"] == [None] * STEPS


def test_the_lag_is_unknown_once_nobody_reports_it_and_a_restarted_consumer_counts_once():
    now = 10_000
    lags = [_series([(now - 60, 5), (now - 30, 7)], now - 60, "stock-updater"), _series([(now - 20, 2)], now - 20, "stock-updater")]

    told = insights(lambda name: lags if name == "shop.consumer.lag" else [], now)

    seen = dict(zip(told["times"], told["lag"], strict=True))
    assert [seen[now - ago] for ago in (62, 60, 30, 24, 20, 10, 8, 0)] == [None, 5, 7, 7, 9, 2, None, None]


def test_what_was_counted_before_a_restart_of_the_observatory_is_no_increase():
    now = 10_000
    placed = [_series([(now - 10, 900), (now, 902)], now - 3600)]

    told = insights(lambda name: placed if name == "shop.orders.placed" else [], now)

    assert (told["recent"]["accepted"], told["totals"]["accepted"], told["accepted"][0]) == (2, 902, 0)


def test_a_trace_is_shown_with_its_summary():
    failed = span(
        "post",
        1,
        9,
        kind="SERVER",
        status="ERROR",
        attributes={"shop.order.id": "o1"},
        events=[Event("exception", 5000, {"exception.type": "KeyError"})],
        links=[("other", "s9")],
    )

    told = view(trace_of(failed, span("inner", 2, 3, parent="post")))

    first = told["spans"][0]
    assert (first["parent"], first["start"], first["duration"], first["events"][0]["time"]) == (None, 1, 9, 5)
    assert first["links"] == [{"traceId": "other", "spanId": "s9"}]
    summary = told["summary"]
    assert (summary["errors"], summary["orderId"], summary["errorTypes"]) == (1, "o1", ["KeyError"])
    assert (summary["start"], summary["duration"], summary["spans"]) == (1, 9, 2)


@pytest.mark.parametrize(("kind", "status", "failed"), [("SERVER", 404, True), ("SERVER", 202, False), ("INTERNAL", 404, False)])
def test_a_refused_request_counts_as_failed_in_the_trace_and_its_summary(*, kind: str, status: int, failed: bool):
    told = view(trace_of(span("post", 0, 10, kind=kind, attributes={"http.response.status_code": status})))

    assert (told["spans"][0]["failed"], told["summary"]["failed"], told["summary"]["errors"]) == (failed, failed, 0)


def test_internal_spans_are_not_in_the_map():
    assert service_map([trace_of(span("inner", 0, 1))], NOW)["edges"] == []
    assert pytest.approx(0) == service_map([], NOW)["windowS"]


def test_a_record_without_a_topic_is_not_in_the_map():
    assert service_map([trace_of(span("poll", 0, 1, kind="CONSUMER"), span("send", 0, 1, kind="PRODUCER"))], NOW)["nodes"] == []


def test_the_rate_of_few_orders_counts_at_least_a_minute():
    trace = trace_of(span("post", 0, 10, kind="SERVER"))

    assert service_map([trace], 5.0)["edges"][0]["perMinute"] == 1
    assert service_map([trace], 300.0)["edges"][0]["perMinute"] == pytest.approx(0.2)


def test_the_rate_of_the_newest_traces_counts_only_their_time():
    trace = trace_of(span("post", 0, 10, kind="SERVER"))

    assert service_map([trace] * 150, 5.0, all_found=False)["edges"][0]["perMinute"] == 1800


def test_an_order_without_processing_ends_at_kafka():
    sent = span("send", 0, 1, kind="PRODUCER")

    assert view(trace_of(sent))["summary"]["endsAtKafka"]
    assert not view(trace_of(sent, span("process", 2, 1, kind="CONSUMER")))["summary"]["endsAtKafka"]
    assert not view(trace_of(span("send", 0, 1, kind="PRODUCER", status="ERROR")))["summary"]["endsAtKafka"]


def test_tiles_and_charts_of_the_insights_have_the_same_period():
    now = 10_001
    placed = [_series([(now - 900, 7), (now - 10, 9), (now, 12)], now - 900)]

    told = insights(lambda name: placed if name == "shop.orders.placed" else [], now)

    assert told["recent"]["accepted"] == told["accepted"][-1] == 5
    assert told["totals"]["accepted"] == 12
