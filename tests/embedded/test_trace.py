import json
from typing import Any

import pytest

from vshop import __version__
from vshop.shop.spans import Span
from vshop.shop.traces import Trace

TOPIC = "queuing.retail_site.new_orders"
USER = "auth0|5ba1a9227dc7232e1aec4fd0"

# service, kind, name, parent
TREE = [
    ("orders", "SERVER", "POST /orders", None),
    ("orders", "CLIENT", "GET", "POST /orders"),
    ("auth-stub", "SERVER", "GET /api/v2/users/<user_id>", "GET"),
    ("orders", "PRODUCER", f"send {TOPIC}", "POST /orders"),
    ("stock-updater", "CONSUMER", f"process {TOPIC}", f"send {TOPIC}"),
    ("stock-updater", "CLIENT", "DynamoDB.GetItem", f"process {TOPIC}"),
    ("stock-updater", "CLIENT", "DynamoDB.PutItem", f"process {TOPIC}"),
]


@pytest.fixture(scope="module")
def whole(ordered):
    return ordered(5, 2, discount_code="DEL15", headers={"X-Visitor": "yes"})


@pytest.fixture(scope="module")
def placed(whole):
    return whole[0]


@pytest.fixture(scope="module")
def trace(whole) -> Trace:
    return whole[1]


def one(trace: Trace, name: str) -> Span:
    (span,) = [span for span in trace.spans if span.name == name]
    return span


def payload(span: Span, name: str) -> Any:
    return json.loads(span.attributes[name])


def tree(trace: Trace) -> list[tuple[str, str, str, str | None]]:
    names = {span.span_id: span.name for span in trace.spans}
    return [(span.service, span.kind, span.name, names.get(span.parent_id or "")) for _, span in trace.walk()]


def test_trace_has_exactly_the_designed_spans(placed, trace: Trace):
    assert tree(trace) == TREE
    assert {span.trace_id for span in trace.spans} == {placed.trace_id}
    assert [span.parent_id for span in trace.roots] == [None]
    assert {span.status for span in trace.spans} == {"UNSET"}
    assert [(span.events, span.links) for span in trace.spans] == [([], [])] * len(TREE)


def test_jaegers_json_shows_the_same_tree(placed, trace: Trace, observatory):
    seen = observatory.trace(placed.trace_id)
    names = {span["spanID"]: span["operationName"] for span in seen["spans"]}
    shown = []
    for span in seen["spans"]:
        tags = {tag["key"]: tag["value"] for tag in span["tags"]}
        parents = [names[reference["spanID"]] for reference in span["references"] if reference["refType"] == "CHILD_OF"]
        service = seen["processes"][span["processID"]]["serviceName"]
        shown.append((service, str(tags["span.kind"]).upper(), span["operationName"], parents[0] if parents else None))
    assert sorted(shown, key=str) == sorted(tree(trace), key=str)


def test_every_span_says_who_sent_it(trace: Trace):
    for span in trace.spans:
        assert span.resource["service.name"] == span.service
        assert span.resource["service.version"] == __version__
        assert span.resource["host.name"]
        assert span.resource["service.instance.id"]


def test_children_lie_within_their_parents_unless_kafka_is_between(trace: Trace):
    spans = {span.span_id: span for span in trace.spans}
    for span in trace.spans:
        parent = spans.get(span.parent_id or "")
        if parent is not None and span.kind != "CONSUMER":
            assert parent.start_ns <= span.start_ns <= span.end_ns <= parent.end_ns, span.name
    assert one(trace, f"send {TOPIC}").start_ns <= one(trace, f"process {TOPIC}").start_ns


def test_the_shoppers_request_and_answer_are_on_the_first_span(placed, trace: Trace):
    span = one(trace, "POST /orders")
    assert payload(span, "shop.http.request.body") == {"itemId": 5, "username": USER, "quantity": 2, "discountCode": "DEL15"}
    assert payload(span, "shop.http.response.body") == placed.body
    headers = payload(span, "shop.http.request.headers")
    assert (headers["x-visitor"], headers["authorization"]) == ("yes", "[REDACTED]")
    assert payload(span, "shop.http.response.headers")["content-type"] == "application/json"
    expected = {
        "http.request.method": "POST",
        "http.route": "/orders",
        "http.response.status_code": 202,
        "url.path": "/orders",
        "url.scheme": "http",
        "user_agent.original": "vshop",
        "enduser.id": USER,
        "shop.order.id": placed.order_id,
        "shop.item.id": 5,
        "shop.order.quantity": 2,
        "shop.order.total_cents": 4174,  # 2 * 2400 / 1.15
    }
    assert expected.items() <= span.attributes.items()


def test_both_sides_of_the_auth_hop_show_what_was_said(trace: Trace):
    asked, answered = one(trace, "GET"), one(trace, "GET /api/v2/users/<user_id>")
    for span in (asked, answered):
        assert payload(span, "shop.http.response.body")["user_id"] == USER
        assert payload(span, "shop.http.request.headers")["authorization"] == "[REDACTED]"
        assert span.attributes["http.response.status_code"] == 200
    assert asked.attributes["url.full"].endswith("/api/v2/users/auth0%7C5ba1a9227dc7232e1aec4fd0")
    assert answered.attributes["http.route"] == "/api/v2/users/<user_id>"
    assert payload(answered, "shop.http.request.headers")["traceparent"].split("-")[2] == asked.span_id


def test_both_sides_of_kafka_show_the_record(placed, trace: Trace):
    sent, taken = one(trace, f"send {TOPIC}"), one(trace, f"process {TOPIC}")
    for span, operation in ((sent, "send"), (taken, "process")):
        value = payload(span, "shop.kafka.value")
        assert value.pop("placedAt").endswith("Z")
        assert value == {
            "schemaVersion": 1,
            "orderId": placed.order_id,
            "itemId": 5,
            "username": USER,
            "quantity": 2,
            "discountCode": "DEL15",
        }
        expected = {
            "messaging.system": "kafka",
            "messaging.destination.name": TOPIC,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "messaging.kafka.message.key": "5",
        }
        assert expected.items() <= span.attributes.items()
        assert span.attributes["messaging.message.body.size"] == len(span.attributes["shop.kafka.value"])
    for name in ("messaging.destination.partition.id", "messaging.kafka.offset", "shop.kafka.value"):
        assert sent.attributes[name] == taken.attributes[name]
    assert payload(taken, "shop.kafka.headers")["traceparent"].split("-")[1:3] == [placed.trace_id, sent.span_id]
    assert taken.attributes["messaging.consumer.group.name"] == "stock-updater"
    assert taken.attributes["shop.order.outcome"] == "applied"


def test_the_item_is_on_the_database_spans(placed, trace: Trace):
    read, write = one(trace, "DynamoDB.GetItem"), one(trace, "DynamoDB.PutItem")
    before, after = payload(read, "shop.dynamodb.response")["Item"], payload(write, "shop.dynamodb.request")["Item"]
    assert int(after["stock"]["N"]) == int(before["stock"]["N"]) - 2
    assert int(after["ordered"]["N"]) == int(before["ordered"]["N"]) + 2
    assert after["recent"]["S"].split()[-1] == placed.order_id
    assert payload(write, "shop.dynamodb.request")["ConditionExpression"]
    for span, operation in ((read, "GetItem"), (write, "PutItem")):
        expected = {"db.system.name": "aws.dynamodb", "db.operation.name": operation, "db.collection.name": "item-stock"}
        assert expected.items() <= span.attributes.items()


def test_a_refused_order_ends_where_it_was_refused(client, reader):
    placed = client.place_order(4242)
    assert (placed.status, placed.body["field"]) == (400, "itemId")
    trace = reader.wait_whole(placed.trace_id, timeout_s=30)
    assert tree(trace) == TREE[:3]
    assert one(trace, "POST /orders").status == "UNSET"
