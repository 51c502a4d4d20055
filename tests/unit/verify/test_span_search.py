import msgspec
import pytest

from vshop.incidents.patterns import AbsentSpan, ExpectedSpan
from vshop.incidents.verify.observation import Observation, ObservedSpan, observe
from vshop.incidents.verify.span_match import absent_checks, search_spans, span_checks
from vshop.shop.client import Placed


@pytest.fixture
def observation(shop):
    def make(*spans):
        seen = [ObservedSpan(*one) if isinstance(one, tuple) else ObservedSpan(one, "own") for one in spans]
        placed = Placed(status=202, trace_id="t1", order_id="order1", headers={}, body={})
        return Observation(placed, seen, shop)

    return make


def problem(observation, *patterns):
    expected = [msgspec.convert({"as": f"s{number}"} | pattern, ExpectedSpan) for number, pattern in enumerate(patterns)]
    failed = [check for check in span_checks(expected, search_spans(expected, observation)) if not check.ok]
    return failed[0].seen if failed else None


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ({"service.name": "auth-stub"}, "service.name orders ≠ auth-stub"),
        ({"kind": "CLIENT"}, "kind SERVER ≠ CLIENT"),
        ({"name": {"matches": "^GET"}}, "name 'POST /orders' does not match '^GET'"),
        ({"status": "ERROR"}, "status UNSET ≠ ERROR"),
        ({"statusMessage": "broken"}, "statusMessage '' ≠ broken"),
        ({"attributes": {"shop.a": 2}}, "attributes shop.a 1 ≠ 2"),
        ({"attributes": {"shop.b": 2}}, "attributes shop.b is missing (expected 2)"),
        ({"attributes": {"shop.a": {"present": False}}}, "attributes shop.a 1 should not be there"),
        ({"attributes": {"shop.a": {"oneOf": [2, 3]}}}, "attributes shop.a 1 is not one of [2, 3]"),
        ({"durationMs": {"atLeast": 300}}, "durationMs 200 < 300"),
        ({"durationMs": {"atMost": 100}}, "durationMs 200 > 100"),
        ({"links": 1}, "links 0 ≠ 1"),
        ({"where": "elsewhere"}, "where own ≠ elsewhere"),
        ({"exception": {"type": "ValueError"}}, "exception none was recorded, neither on it nor in its logs"),
    ],
)
def test_missing_span_names_the_closest_and_its_difference(observation, make_span, pattern, reason):
    span = make_span("a", attributes={"shop.a": 1}, end_ns=200_000_000)

    assert problem(observation(span), pattern) == f"closest is orders SERVER POST /orders: {reason}"


@pytest.mark.parametrize(
    "pattern",
    [
        {"service.name": "orders", "kind": "SERVER", "name": "POST /orders", "status": "UNSET"},
        {"name": {"matches": "^POST"}, "attributes": {"shop.a": 1}},
        {"attributes": {"shop.a": {"atLeast": 1, "atMost": 1}, "shop.b": {"present": False}, "shop.list": ["x"]}},
        {"durationMs": {"atLeast": 200, "atMost": 200}, "links": 0, "where": "own"},
    ],
)
def test_matching_span_is_found(observation, make_span, pattern):
    span = make_span("a", attributes={"shop.a": 1, "shop.list": ["x"]}, end_ns=200_000_000)

    assert problem(observation(span), pattern) is None


def test_service_kind_and_name_weigh_most_for_the_closest_span(observation, make_span):
    spans = make_span("a", service="auth-stub", status="ERROR"), make_span("b", kind="CLIENT", name="GET")
    wanted = {"service.name": "orders", "kind": "CLIENT", "name": "GET", "status": "ERROR"}

    assert problem(observation(*spans), wanted) == "closest is orders CLIENT GET: status UNSET ≠ ERROR"


def test_empty_trace_has_no_closest_span(observation):
    assert problem(observation(), {"kind": "SERVER"}) == "there is no span at all"


@pytest.mark.parametrize(("relation", "child", "link"), [(None, True, True), ("child", True, False), ("link", False, True)])
def test_under_accepts_child_and_link_by_default(observation, make_span, relation, *, child, link):
    """One file serves both modes of Kafka tracing."""
    sent = make_span("a", kind="PRODUCER")
    below = make_span("b", kind="CONSUMER", parent_id="a")
    linked = make_span("b", kind="CONSUMER", trace_id="t2", links=[("t1", "a")])
    patterns = {"kind": "PRODUCER"}, {"kind": "CONSUMER", "under": "s0"} | ({"relation": relation} if relation else {})

    assert (problem(observation(sent, below), *patterns) is None) == child
    assert (problem(observation(sent, (linked, "linked")), *patterns) is None) == link


def test_span_in_an_unlinked_trace_needs_where_elsewhere(observation, make_span):
    stray = (make_span("b", trace_id="t2", kind="CONSUMER"), "elsewhere")

    assert "without any link" in problem(observation(stray), {"kind": "CONSUMER"})
    assert problem(observation(stray), {"kind": "CONSUMER", "where": "elsewhere"}) is None


def test_search_backtracks_to_a_candidate_that_fits_the_other_patterns(observation, make_span):
    spans = make_span("a", kind="CLIENT"), make_span("b", kind="CLIENT"), make_span("c", kind="SERVER", parent_id="b")

    assert problem(observation(*spans), {"kind": "CLIENT"}, {"kind": "SERVER", "under": "s0"}) is None


@pytest.mark.parametrize(("nth", "found"), [(1, "a"), (2, "b"), ("last", "b"), (3, None)])
def test_nth_picks_one_by_its_start(observation, make_span, nth, found):
    spans = make_span("a", start_ns=1), make_span("b", start_ns=2)
    pattern = msgspec.convert({"as": "one", "nth": nth}, ExpectedSpan)

    bound = search_spans([pattern], observation(*spans)).bound

    assert (bound["one"].span.span_id if bound else None) == found


@pytest.mark.parametrize(
    ("count", "reason"),
    [(2, None), ({"atLeast": 2}, None), (3, "the number of such spans: 2 ≠ 3"), ({"atMost": 1}, "the number of such spans: 2 > 1")],
)
def test_spans_are_counted(observation, make_span, count, reason):
    assert problem(observation(make_span("a"), make_span("b")), {"count": count}) == reason


@pytest.mark.parametrize("expected", ["botocore.exceptions.ClientError", "ClientError"])
@pytest.mark.parametrize("recorded", ["event", "log"])
def test_exception_is_found_in_events_and_log_records(observation, shop, make_span, make_exception, expected, recorded):
    """Log records name the class without its module."""
    event = make_exception("botocore.exceptions.ClientError", "no key")
    span = make_span("a", events=[event] if recorded == "event" else [])
    exception = {"type": "ClientError", "message": "no key"}
    shop.records = [{"traceId": "t1", "spanId": "a", "exception": exception}] if recorded == "log" else []

    assert problem(observation(span), {"exception": {"type": expected, "message": {"matches": "key"}}}) is None
    assert "exception.message 'no key' does not match 'lock'" in problem(
        observation(span), {"exception": {"message": {"matches": "lock"}}}
    )
    other_module = problem(observation(span), {"exception": {"type": "other.ClientError"}})
    assert (other_module is None) == (recorded == "log")  # which does not know the module


def test_forbidden_span_is_named(observation, make_span):
    """`under` limits `absent` to spans related to another one."""
    seen = observation(make_span("a"), make_span("b", kind="CONSUMER", parent_id="a"))
    bound = {"entry": seen.spans[0]}

    def absent(pattern):
        return absent_checks([msgspec.convert(pattern, AbsentSpan)], seen, bound)[0]

    assert absent({"kind": "PRODUCER"}).ok
    assert absent({"kind": "SERVER", "under": "entry"}).ok
    assert not absent({"kind": "CONSUMER", "under": "entry"}).ok
    assert absent({"kind": "CONSUMER"}).seen == "1, the first is orders CONSUMER POST /orders"


@pytest.mark.parametrize(("links", "where"), [([("trace1", "p")], "linked"), ([], "elsewhere")])
def test_processing_in_another_trace_is_found_by_partition_and_offset(shop, make_span, links, where):
    place = {"messaging.destination.name": "topic", "messaging.destination.partition.id": "0", "messaging.kafka.offset": 7}
    sent = make_span("p", trace_id="trace1", kind="PRODUCER", attributes=place)
    taken = make_span("c", trace_id="other", service="stock-updater", kind="CONSUMER", attributes=place, links=links)
    shop.arrivals = [(0, sent), (0, taken)]

    seen = observe(Placed(status=202, trace_id="trace1", headers={}, body={}), shop, shop)

    assert [(one.span.span_id, one.where) for one in seen.spans] == [("p", "own"), ("c", where)]
