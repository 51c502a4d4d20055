"""A clean order fires nothing; neither does an empty store."""

RULES = ["errors-by-exception-type", "orders-not-handled", "order-slow", "orders-rejected"]


def test_a_clean_order_fires_nothing(order, handle, alerts):
    """In both trace modes every rule has one row, inactive and without labels; the time of its way is shown."""
    order()
    handle(at_s=0.15, lasts_s=0.05)
    rows = alerts()
    assert [row["rule"] for row in rows] == RULES
    assert {"inactive"} == {row["state"] for row in rows}
    assert [row["value"] for row in rows] == [0, 0, 0.2, 0]
    assert all(row["labels"] == {} and row["traceIds"] == [] and "since" not in row for row in rows)


def test_an_empty_store_fires_nothing(alerts):
    """Every value is 0."""
    assert [(rule, "inactive", 0) for rule in RULES] == [(row["rule"], row["state"], row["value"]) for row in alerts()]


def test_a_masked_error_is_seen_as_an_exception_only(order, handle, send, span, exception, alerts):
    """A call that failed and was made good by a retry: the order is fine, the exception counts."""
    order()
    failed = {"status": {"code": 2}, "events": [exception("requests.exceptions.ReadTimeout")]}
    send(span(1, 8, 1, name="GET", kind=3, **failed), span(1, 9, 1, name="GET", kind=3))
    handle()
    firing = [row for row in alerts() if row["state"] == "firing"]
    assert [(row["rule"], row["value"]) for row in firing] == [("errors-by-exception-type", 1)]
    assert firing[0]["labels"] == {"exception.type": "requests.exceptions.ReadTimeout"}
