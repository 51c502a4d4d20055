import pytest


def test_each_status_has_a_row(order, alerts):
    for trace, status in enumerate((503, 401, 503), start=1):
        order(trace, at_s=trace, status=status, sent=False)
    rows = alerts("orders-rejected")
    assert [(row["labels"]["http.response.status_code"], row["value"]) for row in rows] == [("503", 2), ("401", 1)]
    assert [f"{trace:032x}" for trace in (3, 1)] == rows[0]["traceIds"]
    assert rows[0]["since"] == "2026-09-21T14:13:21.100000000Z"


@pytest.mark.parametrize(("status", "state"), [(399, "inactive"), (400, "firing")])
def test_status_400_and_above_fires(order, alerts, status, state):
    order(status=status, sent=False)
    assert [state] == [row["state"] for row in alerts("orders-rejected")]


@pytest.mark.parametrize("other", [{"name": "GET /orders"}, {"kind": 3}, {"attributes": []}])
def test_only_order_requests_count(order, alerts, other):
    order(status=500, sent=False, of_request=other)
    assert [row["state"] for row in alerts("orders-rejected")] == ["inactive"]


def test_responses_of_another_service_do_not_count(send, span, alerts):
    refused = span(name="POST /orders", kind=2, attributes={"http.response.status_code": 500})
    send(refused, service="console")
    assert [row["state"] for row in alerts("orders-rejected")] == ["inactive"]


@pytest.mark.parametrize(("threshold", "state"), [(2, "firing"), (3, "inactive")])
def test_rule_fires_at_its_threshold(order, alerts, tune, threshold, state):
    tune("orders-rejected", threshold=threshold)
    order(1, status=400, sent=False)
    order(2, status=400, sent=False)
    assert [(state, 2)] == [(row["state"], row["value"]) for row in alerts("orders-rejected")]
