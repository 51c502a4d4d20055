"""Finding the spans that a file speaks of: each kind of expectation can be met and missed, and a miss names the closest span."""

import msgspec
import pytest

from vshop.client import Placed
from vshop.incidents.span_patterns import AbsentSpan, ExpectedSpan
from vshop.verify.scene import Scene, SeenSpan, look
from vshop.verify.span_search import absent_checks, search, span_checks


@pytest.fixture
def scene(shop):
    """Makes a scene of spans of the order's trace, or of pairs of a span and where it was found."""

    def make(*spans):
        seen = [SeenSpan(*one) if isinstance(one, tuple) else SeenSpan(one, "own") for one in spans]
        placed = Placed(status=202, trace_id="t1", order_id="order1", headers={}, body={})
        return Scene(placed, seen, shop)

    return make


def problem(scene, *patterns):
    """Search, and say what was wrong; None when all was found."""
    expected = [msgspec.convert({"as": f"s{number}"} | pattern, ExpectedSpan) for number, pattern in enumerate(patterns)]
    failed = [check for check in span_checks(expected, search(expected, scene)) if not check.ok]
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
        ({"attributes": {"shop.a": {"oneOf": [2, 3]}}}, "attributes shop.a 1 is none of [2, 3]"),
        ({"durationMs": {"atLeast": 300}}, "durationMs 200 < 300"),
        ({"durationMs": {"atMost": 100}}, "durationMs 200 > 100"),
        ({"links": 1}, "links 0 ≠ 1"),
        ({"where": "elsewhere"}, "where own ≠ elsewhere"),
        ({"exception": {"type": "ValueError"}}, "exception none was recorded, neither on it nor in its logs"),
    ],
)
def test_a_miss_names_the_closest_span_and_why_it_is_not_it(scene, make_span, pattern, reason):
    """The text says what was expected and what was there."""
    span = make_span("a", attributes={"shop.a": 1}, end_ns=200_000_000)

    assert problem(scene(span), pattern) == f"closest is orders SERVER POST /orders: {reason}"


@pytest.mark.parametrize(
    "pattern",
    [
        {"service.name": "orders", "kind": "SERVER", "name": "POST /orders", "status": "UNSET"},
        {"name": {"matches": "^POST"}, "attributes": {"shop.a": 1}},
        {"attributes": {"shop.a": {"atLeast": 1, "atMost": 1}, "shop.b": {"present": False}, "shop.list": ["x"]}},
        {"durationMs": {"atLeast": 200, "atMost": 200}, "links": 0, "where": "own"},
    ],
)
def test_a_span_that_fits_is_found(scene, make_span, pattern):
    """All that a pattern says holds of one span."""
    span = make_span("a", attributes={"shop.a": 1, "shop.list": ["x"]}, end_ns=200_000_000)

    assert problem(scene(span), pattern) is None


def test_the_closest_is_the_one_that_is_most_alike(scene, make_span):
    """Service, kind and name weigh more than a status."""
    spans = make_span("a", service="auth-stub", status="ERROR"), make_span("b", kind="CLIENT", name="GET")
    wanted = {"service.name": "orders", "kind": "CLIENT", "name": "GET", "status": "ERROR"}

    assert problem(scene(*spans), wanted) == "closest is orders CLIENT GET: status UNSET ≠ ERROR"


def test_without_any_span_that_is_said(scene):
    """An empty trace has no closest span."""
    assert problem(scene(), {"kind": "SERVER"}) == "there is no span at all"


@pytest.mark.parametrize(("relation", "child", "link"), [(None, True, True), ("child", True, False), ("link", False, True)])
def test_under_is_child_or_link_unless_one_is_asked_for(scene, make_span, relation, *, child, link):
    """So one file serves both modes of Kafka tracing."""
    sent = make_span("a", kind="PRODUCER")
    below = make_span("b", kind="CONSUMER", parent_id="a")
    linked = make_span("b", kind="CONSUMER", trace_id="t2", links=[("t1", "a")])
    patterns = {"kind": "PRODUCER"}, {"kind": "CONSUMER", "under": "s0"} | ({"relation": relation} if relation else {})

    assert (problem(scene(sent, below), *patterns) is None) == child
    assert (problem(scene(sent, (linked, "linked")), *patterns) is None) == link


def test_a_span_elsewhere_is_found_only_where_the_file_says_so(scene, make_span):
    """A trace without a link is not part of the order's."""
    stray = (make_span("b", trace_id="t2", kind="CONSUMER"), "elsewhere")

    assert "without any link" in problem(scene(stray), {"kind": "CONSUMER"})
    assert problem(scene(stray), {"kind": "CONSUMER", "where": "elsewhere"}) is None


def test_of_several_that_fit_the_one_is_taken_with_which_the_rest_fits(scene, make_span):
    """The first candidate has no child; the second one has."""
    spans = make_span("a", kind="CLIENT"), make_span("b", kind="CLIENT"), make_span("c", kind="SERVER", parent_id="b")

    assert problem(scene(*spans), {"kind": "CLIENT"}, {"kind": "SERVER", "under": "s0"}) is None


@pytest.mark.parametrize(("nth", "found"), [(1, "a"), (2, "b"), ("last", "b"), (3, None)])
def test_nth_picks_one_by_its_start(scene, make_span, nth, found):
    """As the second delivery of one record."""
    spans = make_span("a", start_ns=1), make_span("b", start_ns=2)
    pattern = msgspec.convert({"as": "one", "nth": nth}, ExpectedSpan)

    bound = search([pattern], scene(*spans)).bound

    assert (bound["one"].span.span_id if bound else None) == found


@pytest.mark.parametrize(
    ("count", "reason"),
    [(2, None), ({"atLeast": 2}, None), (3, "the number of such spans: 2 ≠ 3"), ({"atMost": 1}, "the number of such spans: 2 > 1")],
)
def test_spans_are_counted(scene, make_span, count, reason):
    """Neither more nor fewer."""
    assert problem(scene(make_span("a"), make_span("b")), {"count": count}) == reason


@pytest.mark.parametrize("expected", ["botocore.exceptions.ClientError", "ClientError"])
@pytest.mark.parametrize("recorded", ["event", "log"])
def test_an_exception_counts_as_event_and_as_log_record(scene, shop, make_span, make_exception, expected, recorded):
    """A class without its module, as logs have it, is the same class."""
    event = make_exception("botocore.exceptions.ClientError", "no key")
    span = make_span("a", events=[event] if recorded == "event" else [])
    exception = {"type": "ClientError", "message": "no key"}
    shop.records = [{"traceId": "t1", "spanId": "a", "exception": exception}] if recorded == "log" else []

    assert problem(scene(span), {"exception": {"type": expected, "message": {"matches": "key"}}}) is None
    assert "exception.message 'no key' does not match 'lock'" in problem(
        scene(span), {"exception": {"message": {"matches": "lock"}}}
    )
    other_module = problem(scene(span), {"exception": {"type": "other.ClientError"}})
    assert (other_module is None) == (recorded == "log")  # which does not know the module


def test_a_span_that_must_not_be_there_is_named(scene, make_span):
    """`absent` may be limited to what belongs to a span that was found."""
    seen = scene(make_span("a"), make_span("b", kind="CONSUMER", parent_id="a"))
    bound = {"entry": seen.spans[0]}

    def absent(pattern):
        return absent_checks([msgspec.convert(pattern, AbsentSpan)], seen, bound)[0]

    assert absent({"kind": "PRODUCER"}).ok
    assert absent({"kind": "SERVER", "under": "entry"}).ok
    assert not absent({"kind": "CONSUMER", "under": "entry"}).ok
    assert absent({"kind": "CONSUMER"}).seen == "1, the first is orders CONSUMER POST /orders"


@pytest.mark.parametrize(("links", "where"), [([("trace1", "p")], "linked"), ([], "elsewhere")])
def test_processing_in_another_trace_is_found_by_the_record_it_took(shop, make_span, links, where):
    """By topic, partition and offset, since a record that cannot be read has no order id."""
    place = {"messaging.destination.name": "topic", "messaging.destination.partition.id": "0", "messaging.kafka.offset": 7}
    sent = make_span("p", trace_id="trace1", kind="PRODUCER", attributes=place)
    taken = make_span("c", trace_id="other", service="stock-updater", kind="CONSUMER", attributes=place, links=links)
    shop.arrivals = [(0, sent), (0, taken)]

    seen = look(Placed(status=202, trace_id="trace1", headers={}, body={}), shop, shop)

    assert [(one.span.span_id, one.where) for one in seen.spans] == [("p", "own"), ("c", where)]
