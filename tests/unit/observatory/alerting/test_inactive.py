RULES = ["errors-by-exception-type", "orders-not-handled", "order-slow", "orders-rejected"]


def test_successful_order_fires_no_rule(order, handle, alerts):
    order()
    handle(at_s=0.15, lasts_s=0.05)
    rows = alerts()
    assert [row["rule"] for row in rows] == RULES
    assert {"inactive"} == {row["state"] for row in rows}
    assert [row["value"] for row in rows] == [0, 0, 0.2, 0]
    assert all(row["labels"] == {} and row["traceIds"] == [] and "since" not in row for row in rows)


def test_empty_store_fires_no_rule(alerts):
    assert [(rule, "inactive", 0) for rule in RULES] == [(row["rule"], row["state"], row["value"]) for row in alerts()]


def test_retried_failure_fires_only_the_exception_rule(order, handle, send, span, exception, alerts):
    order()
    failed = {"status": {"code": 2}, "events": [exception("requests.exceptions.ReadTimeout")]}
    send(span(1, 8, 1, name="GET", kind=3, **failed), span(1, 9, 1, name="GET", kind=3))
    handle()
    firing = [row for row in alerts() if row["state"] == "firing"]
    assert [(row["rule"], row["value"]) for row in firing] == [("errors-by-exception-type", 1)]
    assert firing[0]["labels"] == {"exception.type": "requests.exceptions.ReadTimeout"}
