"""Builders of orders as spans, in both trace modes, and requests for alerts."""

import msgspec
import pytest

SECOND_US = 1_000_000
SECOND_NS = 1_000_000_000
TOPIC = "queuing.retail_site.new_orders"
OF_CONSUMER = 1_000  # in link mode, order 7's processing is trace 1007


@pytest.fixture(params=["child", "link"])
def mode(request):
    return request.param


@pytest.fixture
def exception():
    def make(kind, *, attributes_only=False):
        attributes = [{"key": "exception.type", "value": {"stringValue": kind}}]
        return attributes if attributes_only else {"name": "exception", "attributes": attributes}

    return make


@pytest.fixture
def order(send, span):
    def place(trace=1, *, at_s=0.0, status=202, sent=True, topic=TOPIC, of_send=None, of_request=None):
        at_us = round(at_s * SECOND_US)
        attributes = {"http.request.method": "POST", "http.response.status_code": status}
        tenth = {"at_us": at_us, "lasts_us": SECOND_US // 10}
        request = span(trace, 1, name="POST /orders", kind=2, attributes=attributes, **tenth) | (of_request or {})
        record = span(trace, 2, 1, name=f"send {topic}", kind=4, **tenth) | (of_send or {})
        send(*([request, record] if sent else [request]))

    return place


@pytest.fixture
def handle(send, span, mode):
    def process(trace=1, *, at_s=0.1, lasts_s=0.1, of_send=2, number=3, service="stock-updater", **more):
        times = {"at_us": round(at_s * SECOND_US), "lasts_us": round(lasts_s * SECOND_US)}
        named = {"name": f"process {TOPIC}", "kind": 5} | more
        if mode == "child":
            send(span(trace, number, of_send, **times, **named), service=service)
        else:
            link = {"traceId": f"{trace:032x}", "spanId": f"{of_send:016x}"}
            send(span(OF_CONSUMER + trace, number, **times, links=[link], **named), service=service)

    return process


@pytest.fixture
def alerts(client, clock):
    def ask(rule="", *, at_s=10.0, **query):
        clock.now_ns = 1_790_000_000 * SECOND_NS + round(at_s * SECOND_NS)
        response = client.get("/api/alerts", query_string=query | ({"rule": rule} if rule else {}))
        assert response.status_code == 200, response.text
        return response.get_json()["alerts"]

    return ask


@pytest.fixture
def tune(rules):
    def change(rule_id, **values):
        rules[:] = [msgspec.structs.replace(rule, **values) if rule.id == rule_id else rule for rule in rules]

    return change
