"""An order that Kafka took and nobody handled is missed after the grace period, in both trace modes."""

import pytest

SENT_S, GRACE_S = 0.1, 2  # Kafka acknowledged it; the rule's grace period


@pytest.fixture
def missed(alerts):
    """Ask, as many seconds after the begin; returns state and value."""

    def ask(at_s=10.0, **query):
        (row,) = alerts("orders-not-handled", at_s=at_s, **query)
        return row["state"], row["value"]

    return ask


def test_an_order_that_nobody_handles_fires(order, alerts):
    """The row names its trace, and since when: the end of the grace period."""
    order()
    (row,) = alerts("orders-not-handled")
    assert (row["state"], row["value"], row["labels"]) == ("firing", 1, {})
    assert [f"{1:032x}"] == row["traceIds"]
    assert row["since"] == "2026-09-21T14:13:22.100000000Z"


def test_it_is_pending_until_the_grace_period_is_over(order, missed, alerts):
    """At its very end it is still awaited, a moment later it is missed."""
    order()
    assert missed(SENT_S + GRACE_S) == ("pending", 0)
    assert [f"{1:032x}"] == alerts("orders-not-handled", at_s=1)[0]["traceIds"]
    assert missed(SENT_S + GRACE_S + 1e-3) == ("firing", 1)


def test_an_order_that_was_handled_is_not_pending(order, handle, missed):
    """From the moment that its processing is held."""
    order()
    handle()
    assert missed(1) == ("inactive", 0)


def test_an_order_handled_late_ends_it(order, handle, missed):
    """It is missed until then, and no longer."""
    order()
    assert missed(5) == ("firing", 1)
    handle(at_s=5)
    assert missed(6) == ("inactive", 0)


def test_processing_that_failed_does_not_count(order, handle, missed):
    """Until another try succeeds."""
    order()
    handle(status={"code": 2})
    assert missed() == ("firing", 1)
    handle(at_s=1, number=4)
    assert missed() == ("inactive", 0)


@pytest.mark.parametrize("other", [{"service": "console"}, {"kind": 4}, {"name": "receive"}, {"of_send": 77}])
def test_only_stock_updaters_processing_of_that_send_counts(order, handle, missed, other):
    """Not another service's, another kind of span, or another send's: the context was lost."""
    order()
    handle(**other)
    assert missed() == ("firing", 1)


def test_a_replayed_dead_letter_ends_it(order, handle, send, span, missed):
    """It is sent again below the first send, by stock-updater, and handled then."""
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
def test_what_kafka_did_not_take_is_not_awaited(order, missed, other):
    """Nothing sent, a send that failed, a dead letter."""
    order(**other)
    assert missed() == ("inactive", 0)


def test_below_the_threshold_it_is_pending_only_if_what_is_awaited_would_reach_it(order, missed, tune):
    """With a threshold of two: one missed is not enough, one more that is awaited may be."""
    tune("orders-not-handled", threshold=2)
    order(1)
    assert missed(8) == ("inactive", 1)
    order(2, at_s=8)
    assert missed(9) == ("pending", 1)
    assert missed(11) == ("firing", 2)


def test_processing_counts_though_it_began_after_the_window(order, handle, missed):
    """The window chooses orders by when they were placed, whatever traces their processing is in."""
    order()
    handle(at_s=3)
    assert missed(since="1790000000", until="1790000001") == ("inactive", 0)
