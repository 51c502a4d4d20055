import json

import pytest
import requests

from vshop.shop.addresses import Addresses, find
from vshop.shop.client import ShopClient
from vshop.shop.traces import Trace, TraceReader

TOPIC = "queuing.retail_site.new_orders"
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
def placed(client: ShopClient):
    return client.place_order(5, 2, discount_code="DEL15")


@pytest.fixture(scope="module")
def trace(placed, reader: TraceReader) -> Trace:
    return reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=60)


def tree(trace: Trace) -> list[tuple[str, str, str, str | None]]:
    names = {span.span_id: span.name for span in trace.spans}
    return [(span.service, span.kind, span.name, names.get(span.parent_id or "")) for _, span in trace.walk()]


def test_trace_has_exactly_the_designed_spans(placed, trace: Trace):
    assert tree(trace) == TREE
    assert {span.status for span in trace.spans} == {"UNSET"}


def test_jaegers_own_json_has_the_same_tree(placed, trace: Trace, reader: TraceReader):
    (seen,) = requests.get(f"{reader.url}/api/traces/{placed.trace_id}", timeout=10).json()["data"]
    names = {span["spanID"]: span["operationName"] for span in seen["spans"]}
    shown = []
    for span in seen["spans"]:
        kind = next(tag["value"] for tag in span["tags"] if tag["key"] == "span.kind").upper()
        parents = [names[reference["spanID"]] for reference in span["references"]]
        shown.append(
            (seen["processes"][span["processID"]]["serviceName"], kind, span["operationName"], parents[0] if parents else None)
        )
    assert sorted(shown, key=str) == sorted(TREE, key=str)


def test_the_answer_leads_to_jaegers_page(placed, reader: TraceReader):
    assert placed.trace_url == f"{reader.url}/trace/{placed.trace_id}"


def test_payloads_are_there_and_secrets_are_not(placed, trace: Trace, client: ShopClient, reader: TraceReader):
    spans = {span.name: span for span in trace.spans}
    assert json.loads(spans["POST /orders"].attributes["shop.http.request.body"])["quantity"] == 2
    assert json.loads(spans["POST /orders"].attributes["shop.http.request.headers"])["authorization"] == "[REDACTED]"
    assert json.loads(spans[f"process {TOPIC}"].attributes["shop.kafka.value"])["orderId"] == placed.order_id
    assert json.loads(spans["DynamoDB.PutItem"].attributes["shop.dynamodb.request"])["Item"]["id"] == {"S": "5"}
    whole = requests.get(f"{reader.url}/api/v3/traces/{placed.trace_id}", timeout=10).text
    assert "eyJ" not in whole, "a JSON web token begins so"
    assert client.token().partition(".")[0] not in whole


def test_the_observatory_holds_the_same_trace(placed, trace: Trace, addresses: Addresses):
    assert tree(TraceReader(addresses.observatory).get(placed.trace_id)) == tree(trace)


def test_in_link_mode_processing_is_a_trace_of_its_own(on_servers, reader: TraceReader):
    linking = on_servers(SHOP_KAFKA_TRACE="link")
    placed = ShopClient(find(linking.state.home, {})).place_order(4)
    trace = reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=60)
    (sent,) = trace.find(kind="PRODUCER")
    (processed,) = trace.find(kind="CONSUMER")
    assert (processed.parent_id, processed.links) == (None, [(sent.trace_id, sent.span_id)])
    assert processed.trace_id != sent.trace_id
    assert [span.name for span in trace.children(processed)] == ["DynamoDB.GetItem", "DynamoDB.PutItem"]
