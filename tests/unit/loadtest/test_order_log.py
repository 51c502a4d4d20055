import json

import pytest

from loadtest.stock_check import OrderCounts, StockLevel, compare_stock
from loadtest.swarm import Refused, Retried, Unanswered, read_log

LINE = {"event": "accepted", "at": 1.0, "orderId": "o", "traceId": "t", "itemId": 3, "quantity": 2, "tries": 1, "username": "u"}


@pytest.fixture
def tally():
    return OrderCounts()


def test_each_line_is_read_once(tmp_path):
    path, line = tmp_path / "ledger", json.dumps(LINE)
    path.touch()

    assert read_log(path, 0) == ([], 0)
    path.write_text(line + "\n" + line[:20])
    lines, end = read_log(path, 0)
    assert [one.order_id for one in lines] == ["o"]
    assert read_log(path, end) == ([], end)
    path.write_text(line + "\n" + line + "\n")
    assert len(read_log(path, end)[0]) == 1


def test_accepted_orders_are_counted_by_item(tally, order):
    for number, item in enumerate((1, 1, 2)):
        tally.take(order(number, item_id=item))

    levels = {1: StockLevel(100, 7), 2: StockLevel(50, 0)}
    counted = [(item.accepted_orders, item.accepted_pieces) for item in compare_stock(levels, levels, accepted=tally.accepted)]
    assert (len(tally.accepted), counted) == (3, [(2, 4), (1, 2)])


def test_refusals_are_counted_by_reason(tally):
    tally.take(Refused(at=1, status=400, reason="400 quantity", wrong="no pieces", deserved=400))
    tally.take(Refused(at=1, status=500, reason="500", incident="pricing-type-error"))
    tally.take(Retried(at=1, status=503, reason="503 kafka"))

    assert tally.refused == {"400 quantity (a wrong order: no pieces)": 1, "500 (under pricing-type-error)": 1}
    assert (tally.retried, tally.wrongly_answered) == ({"503 kafka": 1}, [])


def test_unexpected_answer_to_an_invalid_order_is_reported(tally, order):
    tally.take(order(1, wrong="no token"))
    tally.take(Refused(at=1, status=500, reason="500", wrong="no pieces", deserved=400))

    assert tally.wrongly_answered == ["no token: 202", "no pieces: 500"]


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

    letters = [
        {"traceId": None, "value": '{"orderId": "order-1"}'},
        {"traceId": "t2", "value": '{"orderId": "or'},
        {"traceId": "t9", "value": None},
    ]
    assert tally.of_letters(letters) == [first, poisoned, None]


def test_unanswered_order_is_kept(tally):
    unsure = Unanswered(at=1, item_id=1, quantity=1, username="u", key="k")
    tally.take(unsure)

    assert tally.unsure == [unsure]
