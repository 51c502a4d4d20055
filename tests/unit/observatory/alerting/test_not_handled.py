import pytest

SENT_S, GRACE_S = 0.1, 2  # Kafka acknowledged it; the rule's grace period


@pytest.fixture
def missed(alerts):
    def ask(at_s=10.0, **query):
        (row,) = alerts("orders-not-handled", at_s=at_s, **query)
        return row["state"], row["value"]

    return ask


def test_unprocessed_order_fires(order, alerts):
    order()
    (row,) = alerts("orders-not-handled")
    assert (row["state"], row["value"], row["labels"]) == ("firing", 1, {})
    assert [f"{1:032x}"] == row["traceIds"]
    assert row["since"] == "2026-09-21T14:13:22.100000000Z"


def test_unprocessed_order_is_pending_in_the_grace_period(order, missed, alerts):
    order()
    assert missed(SENT_S + GRACE_S) == ("pending", 0)
    assert [f"{1:032x}"] == alerts("orders-not-handled", at_s=1)[0]["traceIds"]
    assert missed(SENT_S + GRACE_S + 1e-3) == ("firing", 1)


def test_processed_order_is_inactive(order, handle, missed):
    order()
    handle()
    assert missed(1) == ("inactive", 0)


def test_late_processing_ends_the_alert(order, handle, missed):
    order()
    assert missed(5) == ("firing", 1)
    handle(at_s=5)
    assert missed(6) == ("inactive", 0)


def test_failed_processing_does_not_count(order, handle, missed):
    order()
    handle(status={"code": 2})
    assert missed() == ("firing", 1)
    handle(at_s=1, number=4)
    assert missed() == ("inactive", 0)


@pytest.mark.parametrize("other", [{"service": "console"}, {"kind": 4}, {"name": "receive"}, {"of_send": 77}])
def test_only_stock_updaters_processing_of_that_send_counts(order, handle, missed, other):
    order()
    handle(**other)
    assert missed() == ("firing", 1)


def test_replayed_dead_letter_ends_the_alert(order, handle, send, span, missed):
    """stock-updater sends the replay as a child of the first send."""
    order()
    handle(status={"code": 2})
    topic = "queuing.retail_site.new_orders"
    send(span(1, 5, 2, name=f"send {topic}.dlq", kind=4, at_us=200_000), service="stock-updater")
    handle(at_s=0.4, of_send=5, number=7)
    assert missed() == ("firing", 1)
    send(span(1, 6, 2, name=f"send {topic}", kind=4, at_us=300_000), service="stock-updater")
    handle(at_s=0.5, of_send=6, number=8)
    assert missed() == ("inactive", 0)


@pytest.mark.parametrize(
    "other", [{"sent": False}, {"of_send": {"status": {"code": 2}}}, {"topic": "queuing.retail_site.new_orders.dlq"}]
)
def test_orders_without_an_acknowledged_send_do_not_count(order, missed, other):
    order(**other)
    assert missed() == ("inactive", 0)


def test_pending_only_if_awaited_orders_would_reach_the_threshold(order, missed, tune):
    tune("orders-not-handled", threshold=2)
    order(1)
    assert missed(8) == ("inactive", 1)
    order(2, at_s=8)
    assert missed(9) == ("pending", 1)
    assert missed(11) == ("firing", 2)


def test_processing_after_the_window_counts(order, handle, missed):
    order()
    handle(at_s=3)
    assert missed(since="1790000000", until="1790000001") == ("inactive", 0)


def test_the_alert_lasts_as_long_as_the_order_is_unprocessed(order, handle, missed):
    order()
    assert missed(3_600) == ("firing", 1)
    handle(at_s=3_600)
    assert missed(3_601) == ("inactive", 0)
