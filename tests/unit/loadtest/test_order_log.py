import json

import pytest

from loadtest.order_log import FileSource, OrderCounts, Refused, Retried, Unanswered

LINE = {"event": "accepted", "at": 1.0, "orderId": "o", "traceId": "t", "itemId": 3, "quantity": 2, "tries": 1, "username": "u"}


@pytest.fixture
def tally():
    return OrderCounts()


def test_each_line_is_read_once(tmp_path):
    path = tmp_path / "ledger"
    source, line = FileSource(path), json.dumps(LINE)

    assert source.read() == []
    path.write_text(line + "\n" + line[:20])
    assert [one.order_id for one in source.read()] == ["o"]
    assert source.read() == []
    path.write_text(line + "\n" + line + "\n")
    assert len(source.read()) == 1


def test_accepted_orders_are_counted_by_item(tally, order):
    for number, item in enumerate((1, 1, 2)):
        tally.take(order(number, item_id=item))

    assert (tally.accepted, tally.orders, tally.pieces) == (3, {1: 2, 2: 1}, {1: 4, 2: 2})


def test_refusals_are_counted_by_reason(tally):
    tally.take(Refused(at=1, status=400, reason="400 quantity", wrong="no pieces", deserved=400))
    tally.take(Refused(at=1, status=500, reason="500", incident="pricing-type-error"))
    tally.take(Retried(at=1, status=503, reason="503 kafka"))

    assert tally.refused == {"400 quantity (a wrong order: no pieces)": 1, "500 (under pricing-type-error)": 1}
    assert (tally.retried, tally.wrongly_refused) == ({"503 kafka": 1}, [])


def test_unexpected_answer_to_an_invalid_order_is_reported(tally, order):
    tally.take(order(1, wrong="no token"))
    tally.take(Refused(at=1, status=500, reason="500", wrong="no pieces", deserved=400))

    assert (len(tally.wrongly_accepted), len(tally.wrongly_refused)) == (1, 1)


def test_orders_between_two_tries_are_counted(tally, order):
    for number in (1, 2, 3, 4):
        tally.take(order(number))
    tally.take(order(5, item_id=2))
    tally.take(order(6, tries=3, began=1.5))

    assert tally.most_between_tries() == 3


def test_dead_letter_is_matched_by_record_or_trace(tally, order):
    first, poisoned = order(1, trace_id="t1"), order(2, trace_id="t2")
    tally.take(first)
    tally.take(poisoned)

    assert tally.of_letter({"traceId": None, "value": '{"orderId": "order-1"}'}) == first
    assert tally.of_letter({"traceId": "t2", "value": '{"orderId": "or'}) == poisoned
    assert tally.of_letter({"traceId": "t9", "value": None}) is None


def test_unanswered_order_is_kept(tally):
    unsure = Unanswered(at=1, item_id=1, quantity=1, username="u", key="k")
    tally.take(unsure)

    assert tally.unsure == [unsure]
