from typing import Any

import msgspec
import pytest

from vshop.conformance.instrumentation import report
from vshop.shop.hops import HOPS
from vshop.shop.spans import Event, Span

TRACE = "a" * 32
TOPIC = "queuing.retail_site.new_orders"


def make_span(span_id: str, service: str, kind: str, name: str, parent: str | None, **changes: Any) -> Span:
    plain: dict[str, Any] = {
        "trace_id": TRACE,
        "status": "UNSET",
        "status_message": "",
        "start_ns": 0,
        "end_ns": 1,
        "attributes": {},
        "events": [],
        "links": [],
        "resource": {},
    }
    return Span(**plain | {"span_id": span_id, "service": service, "kind": kind, "name": name, "parent_id": parent} | changes)


@pytest.fixture
def previous() -> list[Span]:
    http = {"http.method": "GET", "http.status_code": 200, "http.route": "/x", "http.url": "http://auth/api/v2/users/1"}
    kafka = {"messaging.system": "kafka", "messaging.destination": TOPIC, "messaging.operation": "process"}
    database = {"db.system": "dynamodb", "rpc.method": "?"}
    return [
        make_span("1", "orders", "SERVER", "POST /orders", "caller", attributes=http),
        make_span("2", "orders", "CLIENT", "HTTP GET", "1", attributes=http),
        make_span("3", "auth-stub", "SERVER", "/api/v2/users/<user_id>", "2", attributes=http),
        make_span("4", "orders", "PRODUCER", f"{TOPIC} send", "1", attributes=kafka),
        make_span("5", "stock-updater", "CONSUMER", f"{TOPIC} process", "4", attributes=kafka),
        make_span("6", "stock-updater", "CLIENT", "DynamoDB.GetItem", "5", attributes=database),
        make_span("7", "stock-updater", "CLIENT", "DynamoDB.PutItem", "5", attributes=database),
    ]


def reports(spans, failed=None):
    return {hop.hop: hop for hop in report(spans, failed or {}, TRACE).hops}


def replaced(spans, span_id, **changes):
    return [msgspec.structs.replace(span, **changes) if span.span_id == span_id else span for span in spans]


def test_the_previous_spelling_is_complete(previous):
    result = report(previous, {}, TRACE)

    assert result.complete
    assert (result.traces, result.other_spans) == (1, 0)
    assert [hop.missing_attributes for hop in result.hops] == [[]] * len(HOPS)
    assert {hop.payload for hop in result.hops} == {False}


def test_no_spans_at_all():
    result = report([], {}, TRACE)

    assert not result.complete
    assert [hop.span for hop in result.hops] == [""] * len(HOPS)
    assert result.traces == 0


def test_a_hop_in_another_trace_is_cut_off(previous):
    spans = replaced(previous, "3", trace_id="b" * 32, parent_id=None)

    assert reports(spans)["serve user"].parent == "cut off"
    assert report(spans, {}, TRACE).traces == 2


def test_a_link_counts_as_connected(previous):
    spans = replaced(previous, "5", trace_id="b" * 32, parent_id=None, links=[(TRACE, "4")])

    assert reports(spans)["process record"].parent == "linked"


def test_spans_between_two_hops_are_passed_over(previous):
    between = make_span("8", "orders", "INTERNAL", "middleware", "1")
    spans = [*replaced(previous, "2", parent_id="8"), between]

    assert reports(spans)["GET user"].parent == "intact"
    assert report(spans, {}, TRACE).other_spans == 1


def test_a_cycle_of_parents_ends(previous):
    spans = [*replaced(previous, "2", parent_id="8"), make_span("8", "orders", "INTERNAL", "loop", "8")]

    assert reports(spans)["GET user"].parent == "cut off"


def test_a_missing_hop_leaves_its_child_without_a_parent_span(previous):
    found = reports([span for span in previous if span.span_id != "4"])

    assert found["send record"].span == ""
    assert found["process record"].parent == "no parent span"


def test_another_kind_and_missing_attributes_are_named(previous):
    spans = replaced(previous, "4", kind="INTERNAL", attributes={"messaging.destination.name": TOPIC})
    hop = reports(spans)["send record"]

    assert (hop.kind, hop.expected_kind) == ("INTERNAL", "PRODUCER")
    assert hop.missing_attributes == ["messaging.system", "messaging.operation.name"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "ERROR"},
        {"events": [Event("exception", 0, {"exception.type": "ZeroDivisionError"})]},
        {"attributes": {"error.type": "ZeroDivisionError", "http.url": "/orders"}},
    ],
    ids=["status", "exception", "attribute"],
)
def test_an_error_is_recorded_as_status_exception_or_attribute(previous, changes):
    failed = {"pricing-division-by-zero": replaced(previous, "1", **changes)}

    assert reports(previous, failed)["POST /orders"].error == "yes"
    assert reports(previous, {"pricing-division-by-zero": previous})["POST /orders"].error == "no"
    assert reports(previous, failed)["serve user"].error == "not tried"


def test_a_root_outside_the_callers_trace_is_cut_off(previous):
    other = report(previous, {}, "c" * 32)

    assert other.hops[0].parent == "cut off"


def test_an_empty_poll_and_a_dead_letter_are_not_the_records_hop(previous):
    """Ddtrace makes a span of each poll; OpenTelemetry's instrumentation makes a span ``recv`` around the one of the record."""
    others = [
        make_span("8", "stock-updater", "CONSUMER", "kafka.consume", None, attributes={"messaging.system": "kafka"}),
        make_span("9", "stock-updater", "CONSUMER", "recv", None),
        make_span(
            "10", "stock-updater", "PRODUCER", f"{TOPIC}.dlq send", "5", attributes={"messaging.destination": f"{TOPIC}.dlq"}
        ),
    ]

    assert reports([*others, *previous])["process record"].span_id == "5"
    assert reports([*others, *(span for span in previous if span.span_id != "5")])["process record"].span == ""


def test_where_the_code_is_does_not_name_a_hop(previous):
    flush = make_span("0", "orders", "SERVER", "POST /flush", None, attributes={"code.filepath": "/srv/orders/app.py"})

    assert reports([flush, *previous])["POST /orders"].span_id == "1"


def test_the_time_in_the_queue_is_no_payload(previous):
    spans = replaced(previous, "5", attributes={"messaging.destination": TOPIC, "shop.kafka.queue_time_ms": 3})

    assert reports(spans)["process record"].payload is False
