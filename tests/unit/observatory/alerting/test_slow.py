import pytest


@pytest.fixture
def slow(alerts):
    def ask():
        (row,) = alerts("order-slow", at_s=50)
        return row["state"], row["value"]

    return ask


@pytest.mark.parametrize(("lasts_s", "state"), [(0.9, "inactive"), (0.9001, "firing")])
def test_rule_fires_above_its_threshold(order, handle, slow, lasts_s, state):
    """One second is not above the threshold of one second."""
    order()
    handle(at_s=0.1, lasts_s=lasts_s)
    assert (state, pytest.approx(0.1 + lasts_s)) == slow()


def test_two_slow_orders_of_21_exceed_the_95th_percentile(order, handle, slow, alerts, stores):
    """One of 20 does not. The slowest comes first."""
    stores.traces.max_items = 1_000
    for trace in range(1, 20):
        order(trace, at_s=trace)
        handle(trace, at_s=trace + 0.1)
    order(20, at_s=20)
    handle(20, at_s=23)
    assert slow() == ("inactive", 0.2)
    order(21, at_s=21)
    handle(21, at_s=23)
    assert slow() == ("firing", 2.1)
    (row,) = alerts("order-slow", at_s=50)
    assert [f"{trace:032x}" for trace in (20, 21)] == row["traceIds"]
    assert row["since"] == "2026-09-21T14:13:43.100000000Z"


def test_only_accepted_and_processed_orders_are_measured(order, handle, slow):
    order(1, status=503)
    handle(1, at_s=5)
    order(2)
    handle(2, at_s=5, status={"code": 2})
    assert slow() == ("inactive", 0)


def test_last_processing_of_a_redelivered_record_counts(order, handle, slow):
    order()
    handle()
    handle(at_s=2, number=4)
    assert slow() == ("firing", 2.1)


def test_request_is_found_through_intermediate_spans(send, span, order, handle, slow):
    order(of_send={"parentSpanId": f"{9:016x}"})
    send(span(1, 9, 1, name="publish"))
    handle(at_s=2)
    assert slow() == ("firing", 2.1)


@pytest.mark.parametrize("parent", [2, 77])
def test_send_without_its_request_is_not_measured(order, handle, slow, parent):
    order(of_send={"parentSpanId": f"{parent:016x}"})
    handle(at_s=2)
    assert slow() == ("inactive", 0)


def test_orders_of_one_trace_are_measured_separately(send, span, order, handle, slow):
    order()
    handle()
    request = span(1, 11, name="POST /orders", kind=2, at_us=5_000_000, attributes={"http.response.status_code": 202})
    send(request, span(1, 12, 11, name="send queuing.retail_site.new_orders", kind=4, at_us=5_000_000))
    handle(of_send=12, number=13, at_s=5.1)
    assert slow() == ("inactive", 0.2)
