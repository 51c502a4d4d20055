import pytest

from loadtest.stock_check import OrderCounts, StockLevel, compare_stock, read_levels
from loadtest.swarm import Unanswered

BEFORE = {1: StockLevel(stock=100, version=7), 2: StockLevel(stock=50, version=0)}


@pytest.fixture
def tally(order):
    counted = OrderCounts()
    for number in (1, 2, 3):
        counted.take(order(number))
    return counted


def _item(tally, after, **more):
    return compare_stock(BEFORE, BEFORE | {1: after}, accepted=tally.accepted, **more)[0]


def test_exact(tally):
    item = _item(tally, StockLevel(stock=94, version=10))

    assert (item.even, item.expected, item.lost, item.doubled) == (True, 94, 0, 0)


def test_a_lost_order(tally):
    item = _item(tally, StockLevel(stock=96, version=9))

    assert (item.even, item.difference, item.lost, item.doubled) == (False, +2, 1, 0)


def test_a_doubled_order(tally):
    item = _item(tally, StockLevel(stock=92, version=11))

    assert (item.even, item.difference, item.lost, item.doubled) == (False, -2, 0, 1)


def test_stock_changed_without_an_order(tally):
    item = _item(tally, StockLevel(stock=93, version=10))

    assert (item.even, item.difference, item.lost, item.doubled) == (False, -1, 0, 0)


def test_one_lost_and_one_doubled_of_another_size_do_not_cancel_out(tally, order):
    tally.take(order(4, quantity=5))

    assert not _item(tally, StockLevel(stock=92, version=11)).even


def test_dead_letters_and_sold_out_orders_are_accounted_for(tally, order):
    item = _item(tally, StockLevel(stock=98, version=8), sold_out=[order(1)], dead=[order(2), order(9, item_id=2)])

    assert (item.even, item.orders_due) == (True, 1)


def test_unanswered_order_that_was_applied_is_expected(tally):
    unsure = [Unanswered(at=1, item_id=1, quantity=3, username="u", key="k")]
    item = _item(tally, StockLevel(stock=91, version=11), unsure=unsure)

    assert (item.even, item.doubled) == (True, 0)


def test_levels_are_read_from_the_table():
    assert read_levels([{"id": 1, "name": "x", "stock": 100, "version": 7}]) == {1: BEFORE[1]}
