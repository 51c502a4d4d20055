import json
import secrets

import pytest

TOPIC = "queuing.retail_site.new_orders"


def test_the_callers_trace_is_continued(ordered):
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    placed, trace = ordered(1, headers={"traceparent": f"00-{trace_id}-{span_id}-01"})
    assert (placed.trace_id, placed.body["traceId"]) == (trace_id, trace_id)
    (root,) = trace.roots
    assert (root.name, root.parent_id) == ("POST /orders", span_id)
    assert (len(trace.spans), trace.find(name="DynamoDB.PutItem")[0].trace_id) == (7, trace_id)


def test_the_answer_names_the_span_that_answered(ordered):
    placed, trace = ordered(1)
    version, trace_id, span_id, flags = placed.headers["traceresponse"].split("-")
    assert (version, trace_id, span_id) == ("00", trace.trace_id, trace.roots[0].span_id)
    assert int(flags, 16) & 1
    assert placed.trace_url.endswith(f"/trace/{trace.trace_id}")


@pytest.mark.parametrize("status", [400, 401, 415])
def test_a_refusal_names_its_trace_too(client, reader, status: int):
    sent = {400: {"quantity": 0}, 401: {"token": None}, 415: {"headers": {"Content-Type": "text/plain"}}}[status]
    placed = client.place_order(**sent)
    assert placed.status == status
    trace = reader.wait(placed.trace_id, lambda found: found.spans, timeout_s=30)
    assert trace.roots[0].attributes["http.response.status_code"] == status


def test_baggage_crosses_http_and_kafka(ordered):
    _, trace = ordered(2, headers={"baggage": "shop.visit=7,colour=dark%20blue"})
    (asked,) = trace.find(service="auth-stub")
    (taken,) = trace.find(kind="CONSUMER")
    for carried in (asked.attributes["shop.http.request.headers"], taken.attributes["shop.kafka.headers"]):
        members = json.loads(carried)["baggage"].split(",")
        assert sorted(members) == ["colour=dark+blue", "shop.visit=7"]


def test_tracestate_crosses_http_and_kafka(ordered):
    context = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01", "tracestate": "vendor=opaque"}
    _, trace = ordered(2, headers=context)
    (asked,) = trace.find(service="auth-stub")
    (taken,) = trace.find(kind="CONSUMER")
    assert json.loads(asked.attributes["shop.http.request.headers"])["tracestate"] == "vendor=opaque"
    assert json.loads(taken.attributes["shop.kafka.headers"])["tracestate"] == "vendor=opaque"


@pytest.mark.parametrize("broken", ["", "garbage", f"00-{'0' * 32}-{'1' * 16}-01", f"ff-{'1' * 32}-{'1' * 16}-01"])
def test_a_broken_traceparent_begins_a_new_trace(ordered, broken: str):
    placed, trace = ordered(2, headers={"traceparent": broken})
    assert (placed.status, trace.roots[0].parent_id) == (202, None)


def test_an_unsampled_order_leaves_no_trace_and_is_handled(client, reader, eventually):
    before = client.item(7)["ordered"]
    trace_id = secrets.token_hex(16)
    placed = client.place_order(7, headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-00"})
    assert (placed.status, placed.trace_id) == (202, trace_id)
    eventually(lambda: client.item(7)["ordered"] == before + 1)
    later = client.place_order(7)
    reader.wait_whole(later.trace_id, later.order_id, timeout_s=30)
    assert reader.get(trace_id).spans == []


def test_the_same_key_is_one_order_in_two_traces(client, ordered):
    before = client.item(6)["ordered"]
    key = {"Idempotency-Key": secrets.token_hex(8)}
    first, _ = ordered(6, 2, headers=key)
    second, trace = ordered(6, 2, headers=key)
    assert second.body == first.body
    assert second.trace_id != first.trace_id
    assert trace.find(kind="PRODUCER") == []
    assert client.item(6)["ordered"] == before + 2
