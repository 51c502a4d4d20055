import msgspec
import pytest

from vshop.incidents.incident import ExpectedOutcome
from vshop.incidents.patterns import AlertPattern, Alerts, LogPattern, MetricMove
from vshop.incidents.verify.expect_match import alert_checks, log_check
from vshop.incidents.verify.metric_match import Reading, metric_checks, read_metrics, wait_for_export
from vshop.incidents.verify.observation import Observation, ObservedSpan
from vshop.incidents.verify.outcome_match import answer_checks
from vshop.shop.client import Placed

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
    shop.records = [RECORD]
    observation = Observation(Placed(status=202, trace_id="t1", headers={}, body={}), [], shop)
    bound = {"entry": ObservedSpan(span, "own")}
    return log_check(msgspec.convert(pattern, LogPattern), observation, bound)


@pytest.mark.parametrize(
    "pattern",
    [
        {"service.name": "orders", "severity": "WARN", "body": {"matches": "expired"}, "correlated": "entry"},
        {"severity": "INFO", "attributes": {"a": 1}, "exception": {"type": "botocore.exceptions.ClientError"}},
        {"body": "refusing: expired", "count": 1},
        {"body": "something else", "count": 0},
    ],
)
def test_matching_log_record_is_found(shop, make_span, pattern):
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
def test_missing_log_record_names_the_closest_and_its_differences(shop, make_span, pattern, reason):
    check = check_log(shop, make_span("a"), **pattern)

    assert not check.ok
    assert check.seen.endswith(reason)


def test_correlated_log_record_must_belong_to_the_span(shop, make_span):
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
def test_metric_move(moves, before, after, *, ok):
    move = msgspec.convert({"name": "shop.errors", "moves": moves}, MetricMove)

    check = metric_checks([move], [Reading(before, before)], [Reading(after, after)])[0]

    assert check.ok == ok
    assert check.seen == f"by {after - before}, from {before} to {after}"


@pytest.mark.parametrize(("peak", "end", "ok"), [(3, 0, True), (0, 0, False), (3, 3, False)])
def test_gauge_moves_up_and_back(peak, end, *, ok):
    move = msgspec.convert({"name": "shop.consumer.lag", "moves": "upAndBack"}, MetricMove)

    assert metric_checks([move], [Reading(0, 0)], [Reading(end, peak)])[0].ok == ok


def test_a_metric_is_the_sum_of_the_series_that_match(shop):
    """Histograms count by their count; a gauge series that stopped is left out."""

    def series(value, *, time=9_000_000, kind="gauge", **attributes):
        name = "count" if kind == "histogram" else "value"
        points = [{"time": 1_000_000, name: 5}, {"time": time, name: value}]
        return {"service": "orders", "type": kind, "attributes": attributes, "points": points}

    held = [series(1, part="0"), series(2, part="1"), series(7, part="2", time=2_000_000), series(4, part="0", other="x")]
    shop.metrics = lambda _name, **_options: held
    moves = [msgspec.convert({"name": "m", "attributes": {"part": part}, "moves": "up"}, MetricMove) for part in ("0", "1", "2")]
    every = msgspec.convert({"name": "m", "moves": "up"}, MetricMove)

    assert [reading.value for reading in read_metrics(shop, moves)] == [5, 2, 7]
    assert read_metrics(shop, [every], since=5)[0] == Reading(7, 7)
    shop.metrics = lambda _name, **_options: [series(3, kind="histogram")]
    assert read_metrics(shop, [every])[0].value == 3


def test_wait_for_export_ignores_dead_services(shop, clock):
    began = clock.now()
    exported = shop.metrics("")[0] | {"service": "stock-updater"}
    dead = {"service": "gone", "points": [{"time": 0}]}
    metrics = shop.metrics
    shop.metrics = lambda name, **_options: [*metrics(name), exported, dead] if clock.now() < began + 2.5 else metrics(name)

    assert wait_for_export(shop, clock, began)
    assert clock.now() >= began + 2.5


def test_alerts_are_matched_by_rule_and_labels():
    alerts = [
        {"rule": "orders-rejected", "state": "firing", "labels": {"http.response.status_code": "401"}},
        {"rule": "order-slow", "state": "pending", "labels": {}},
    ]

    def fires(**pattern):
        return alert_checks([msgspec.convert(pattern, AlertPattern)], alerts, fire=True)[0].ok

    assert fires(rule="orders-rejected", labels={"http.response.status_code": "401"})
    assert not fires(rule="orders-rejected", labels={"http.response.status_code": "503"})
    assert not fires(rule="order-slow")
    expected = msgspec.convert({"notFiring": ["order-slow", {"rule": "orders-rejected", "labels": {"a": "b"}}]}, Alerts)
    assert all(check.ok for check in alert_checks(expected.silent, alerts, fire=False))
    assert not alert_checks(msgspec.convert({"notFiring": ["orders-rejected"]}, Alerts).silent, alerts, fire=False)[0].ok


def test_answer_is_compared_by_status_headers_and_body():
    placed = Placed(status=401, trace_id="t1", headers={"WWW-Authenticate": "Bearer"}, body={"detail": "expired"})

    def seen(**outcome):
        return answer_checks(msgspec.convert(outcome, ExpectedOutcome), [placed])[0].seen

    assert seen(status=401, headers={"www-authenticate": "Bearer"}, body={"detail": {"matches": "exp"}}) == "401"
    assert seen(status=202) == "status 401 ≠ 202 (expired)"
    assert seen(headers={"Retry-After": {"present": True}}) == "Retry-After is missing (expected: present)"
    assert seen(body={"hop": "kafka"}) == "hop is missing (expected kafka)"
