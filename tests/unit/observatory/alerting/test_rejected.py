"""Orders that were answered with an error count by status code."""

import pytest


def test_each_status_has_its_row(order, alerts):
    """The label is text; the greatest count comes first."""
    for trace, status in enumerate((503, 401, 503), start=1):
        order(trace, at_s=trace, status=status, sent=False)
    rows = alerts("orders-rejected")
    assert [(row["labels"]["http.response.status_code"], row["value"]) for row in rows] == [("503", 2), ("401", 1)]
    assert [f"{trace:032x}" for trace in (3, 1)] == rows[0]["traceIds"]
    assert rows[0]["since"] == "2026-09-21T14:13:21.100000000Z"


@pytest.mark.parametrize(("status", "state"), [(399, "inactive"), (400, "firing")])
def test_errors_begin_at_400(order, alerts, status, state):
    """Below it is no error."""
    order(status=status, sent=False)
    assert [state] == [row["state"] for row in alerts("orders-rejected")]


@pytest.mark.parametrize("other", [{"name": "GET /orders"}, {"kind": 3}, {"attributes": []}])
def test_only_answers_to_orders_count(order, alerts, other):
    """Not another route, a client's span, or a request without a status."""
    order(status=500, sent=False, of_request=other)
    assert [row["state"] for row in alerts("orders-rejected")] == ["inactive"]


def test_another_services_refusal_does_not_count(send, span, alerts):
    """Its spans have another service's name."""
    refused = span(name="POST /orders", kind=2, attributes={"http.response.status_code": 500})
    send(refused, service="console")
    assert [row["state"] for row in alerts("orders-rejected")] == ["inactive"]


@pytest.mark.parametrize(("threshold", "state"), [(2, "firing"), (3, "inactive")])
def test_it_fires_at_its_threshold(order, alerts, tune, threshold, state):
    """Not below it."""
    tune("orders-rejected", threshold=threshold)
    order(1, status=400, sent=False)
    order(2, status=400, sent=False)
    assert [(state, 2)] == [(row["state"], row["value"]) for row in alerts("orders-rejected")]
