import pytest

from vshop.shop.client import Placed
from vshop.shop.spans import Span
from vshop.shop.traces import Trace, missing_hop

TRACE = "a" * 32


def span(span_id, parent_id, service, kind, start=0, end=100, links=(), **attributes):
    return Span(
        trace_id=TRACE, span_id=span_id, parent_id=parent_id, service=service, name=kind, kind=kind, status="UNSET",
        status_message="", start_ns=start, end_ns=end, attributes=attributes, events=[], links=list(links), resource={},
    )  # fmt: skip


def an_order(number, start):
    order = {"shop.order.id": f"order{number}"}
    return [
        span(f"entry{number}", "caller", "orders", "SERVER", start, start + 50, **order),
        span(f"get{number}", f"entry{number}", "orders", "CLIENT", start + 1, start + 9, **{"http.response.status_code": 200}),
        span(f"auth{number}", f"get{number}", "auth-stub", "SERVER", start + 2, start + 8),
        span(f"send{number}", f"entry{number}", "orders", "PRODUCER", start + 10, start + 20),
        span(f"take{number}", f"send{number}", "stock-updater", "CONSUMER", start + 200, start + 210, **order),
    ]


LOGIN = span("login", "caller-get", "auth-stub", "SERVER", 0, 10)
FIRST, SECOND = an_order(1, 1000), an_order(2, 2000)


def ids(trace):
    return {one.span_id for one in trace.spans}


@pytest.mark.parametrize("callers", [[], [span("caller", None, "tests", "INTERNAL", 0, 5000)]], ids=["not exported", "exported"])
def test_two_orders_in_one_span_are_told_apart(callers):
    trace = Trace(TRACE, [*callers, LOGIN, *FIRST, *SECOND])

    assert ids(trace.branch("entry1")) == {one.span_id for one in FIRST}
    assert ids(trace.branch("entry2")) == {one.span_id for one in SECOND}
    assert missing_hop(trace) is None


def test_each_order_must_be_whole():
    trace = Trace(TRACE, [LOGIN, *FIRST, *SECOND[:-1]])

    assert missing_hop(trace.branch("entry1")) is None
    assert missing_hop(trace.branch("entry2")) == missing_hop(trace) == "stock-updater CONSUMER process "


@pytest.mark.parametrize("lost", [1, 3])
def test_span_whose_parent_is_lost_belongs_to_the_order_that_it_served(lost):
    trace = Trace(TRACE, [LOGIN, *FIRST, *(one for one in SECOND if one is not SECOND[lost])])

    assert ids(trace.branch("entry2")) == {one.span_id for one in SECOND if one is not SECOND[lost]}
    assert missing_hop(trace.branch("entry1")) is None
    assert missing_hop(trace.branch("entry2")) == "a span's parent"


def test_linked_span_belongs_to_the_order_that_it_links_to():
    linked = span("take1", None, "stock-updater", "CONSUMER", 1200, 1210, links=[(TRACE, "send1")])
    trace = Trace(TRACE, [*FIRST[:-1], linked, *SECOND])

    assert "take1" in ids(trace.branch("entry1"))
    assert "take1" not in ids(trace.branch("entry2"))


def test_branch_is_empty_until_its_first_span_arrives():
    assert ids(Trace(TRACE, [LOGIN, *FIRST]).branch("entry2")) == set()


@pytest.mark.parametrize(
    ("header", "span_id", "sampled"),
    [({"Traceresponse": "00-a-b-00"}, "b", False), ({"traceresponse": "00-a-b-03"}, "b", True), ({}, None, True)],
)
def test_answer_names_its_span_and_whether_it_is_sampled(header, span_id, sampled):
    placed = Placed(status=202, trace_id="a", headers=header, body={})

    assert (placed.span_id, placed.sampled) == (span_id, sampled)
