"""Logs, metrics, alerts, answers, stock: each can be as expected or not, and says how."""

import msgspec
import pytest

from vshop.client import Placed
from vshop.incidents.expectation import AlertPattern, Alerts, LogPattern, MetricMove
from vshop.incidents.incident import Outcome
from vshop.verify.alert_match import firing_checks, silent_checks
from vshop.verify.log_match import log_checks
from vshop.verify.metric_moves import metric_checks
from vshop.verify.metric_reading import Reading, read, settle
from vshop.verify.outcome_match import answer_checks
from vshop.verify.scene import Scene, SeenSpan

RECORD = {
    "time": "2026-01-31T12:00:00Z",
    "service": "orders",
    "severity": "WARN",
    "severityNumber": 13,
    "body": "refusing: expired",
    "attributes": {"a": 1},
    "exception": {"type": "ClientError", "message": "no"},
    "traceId": "t1",
    "spanId": "a",
}


def check_log(shop, span, **pattern):
    """Hold one record against a pattern."""
    shop.records = [RECORD]
    scene = Scene(Placed(status=202, trace_id="t1", headers={}, body={}), [], shop)
    bound = {"entry": SeenSpan(span, "own")}
    return log_checks([msgspec.convert(pattern, LogPattern)], scene, bound)[0]


@pytest.mark.parametrize(
    "pattern",
    [
        {"service.name": "orders", "severity": "WARN", "body": {"matches": "expired"}, "correlated": "entry"},
        {"severity": "INFO", "attributes": {"a": 1}, "exception": {"type": "botocore.exceptions.ClientError"}},
        {"body": "refusing: expired", "count": 1},
        {"body": "something else", "count": 0},
    ],
)
def test_a_log_record_that_fits_is_found(shop, make_span, pattern):
    """Severity is the lowest that will do."""
    assert check_log(shop, make_span("a"), **pattern).ok


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ({"service.name": "auth-stub"}, "service.name orders ≠ auth-stub"),
        ({"severity": "ERROR"}, "severity WARN is below ERROR"),
        ({"body": {"matches": "missing"}}, "body 'refusing: expired' does not match 'missing'"),
        ({"exception": {"message": "yes"}}, "exception.message no ≠ yes"),
        ({"count": 2}, "number of such records: 1 ≠ 2"),
        ({"body": {"matches": "expired"}, "count": 0}, "number of such records: 1 ≠ 0"),
    ],
)
def test_a_log_that_is_missing_names_the_closest_and_why(shop, make_span, pattern, reason):
    """Or how many there are instead."""
    check = check_log(shop, make_span("a"), **pattern)

    assert not check.ok
    assert check.seen.endswith(reason)


def test_a_log_of_another_span_does_not_count(shop, make_span):
    """`correlated` asks for the very span."""
    assert check_log(shop, make_span("b"), correlated="entry").seen.endswith("it was not written in entry")


@pytest.mark.parametrize(
    ("moves", "before", "after", "ok"),
    [
        ("up", 1, 2, True),
        ("up", 1, 1, False),
        ("none", 1, 1, True),
        ("none", 1, 2, False),
        ({"by": 2}, 1, 3, True),
        ({"by": 2}, 1, 4, False),
        ({"atLeast": 2}, 1, 4, True),
        ({"atLeast": 2}, 1, 2, False),
    ],
)
def test_metrics_move_as_said_or_not(moves, before, after, *, ok):
    """Between two readings."""
    move = msgspec.convert({"name": "shop.errors", "moves": moves}, MetricMove)

    check = metric_checks([move], [Reading(before, before)], [Reading(after, after)])[0]

    assert check.ok == ok
    assert check.seen == f"by {after - before}, from {before} to {after}"


@pytest.mark.parametrize(("peak", "end", "ok"), [(3, 0, True), (0, 0, False), (3, 3, False)])
def test_a_gauge_goes_up_and_back(peak, end, *, ok):
    """As a lag does that is caught up."""
    move = msgspec.convert({"name": "shop.consumer.lag", "moves": "upAndBack"}, MetricMove)

    assert metric_checks([move], [Reading(0, 0)], [Reading(end, peak)])[0].ok == ok


def test_a_metric_is_the_sum_of_the_series_that_match(shop):
    """By name, service and attributes; a histogram by its count; a gauge whose reports stopped no longer counts."""

    def series(value, *, time=9_000_000, kind="gauge", **attributes):
        name = "count" if kind == "histogram" else "value"
        points = [{"time": 1_000_000, name: 5}, {"time": time, name: value}]
        return {"service": "orders", "type": kind, "attributes": attributes, "points": points}

    held = [series(1, part="0"), series(2, part="1"), series(7, part="2", time=2_000_000), series(4, part="0", other="x")]
    shop.metrics = lambda _name: held
    moves = [msgspec.convert({"name": "m", "attributes": {"part": part}, "moves": "up"}, MetricMove) for part in ("0", "1", "2")]
    every = msgspec.convert({"name": "m", "moves": "up"}, MetricMove)

    assert [reading.value for reading in read(shop, moves)] == [5, 2, 7]
    assert read(shop, [every], since=5)[0] == Reading(7, 7)
    shop.metrics = lambda _name: [series(3, kind="histogram")]
    assert read(shop, [every])[0].value == 3


def test_settled_is_when_every_live_service_has_exported_since(shop, pace):
    """One that is silent for long is not waited for."""
    began = pace.now()
    exported = shop.metrics("")[0] | {"service": "stock-updater"}
    dead = {"service": "gone", "points": [{"time": 0}]}
    metrics = shop.metrics
    shop.metrics = lambda name: [*metrics(name), exported, dead] if pace.now() < began + 2.5 else metrics(name)

    assert settle(shop, pace, began)
    assert pace.now() >= began + 2.5


def test_alerts_fire_or_are_silent_as_said():
    """By rule and labels."""
    alerts = [
        {"rule": "orders-rejected", "state": "firing", "labels": {"http.response.status_code": "401"}},
        {"rule": "order-slow", "state": "pending", "labels": {}},
    ]

    def fires(**pattern):
        return firing_checks([msgspec.convert(pattern, AlertPattern)], alerts)[0].ok

    assert fires(rule="orders-rejected", labels={"http.response.status_code": "401"})
    assert not fires(rule="orders-rejected", labels={"http.response.status_code": "503"})
    assert not fires(rule="order-slow")
    expected = msgspec.convert({"notFiring": ["order-slow", {"rule": "orders-rejected", "labels": {"a": "b"}}]}, Alerts)
    assert all(check.ok for check in silent_checks(expected, alerts))
    assert not silent_checks(msgspec.convert({"notFiring": ["orders-rejected"]}, Alerts), alerts)[0].ok


def test_an_answer_is_held_against_status_headers_and_body():
    """Header names are the same in upper and lower case."""
    placed = Placed(status=401, trace_id="t1", headers={"WWW-Authenticate": "Bearer"}, body={"detail": "expired"})

    def seen(**outcome):
        return answer_checks(msgspec.convert(outcome, Outcome), [placed])[0].seen

    assert seen(status=401, headers={"www-authenticate": "Bearer"}, body={"detail": {"matches": "exp"}}) == "401"
    assert seen(status=202) == "status 401 ≠ 202 (expired)"
    assert seen(headers={"Retry-After": {"present": True}}) == "Retry-After is missing (expected: present)"
    assert seen(body={"hop": "kafka"}) == "hop is missing (expected kafka)"
