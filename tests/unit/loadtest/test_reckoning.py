"""The table is held against what was promised: every order that is lost, and every one that is counted twice."""

import pytest

from loadtest.ledger import Unsure
from loadtest.reckoning import Level, balance, levels
from loadtest.tally import Tally

BEFORE = {1: Level(stock=100, version=7), 2: Level(stock=50, version=0)}


@pytest.fixture
def tally(order):
    """Three orders of two pieces of item 1 were accepted."""
    counted = Tally()
    for number in (1, 2, 3):
        counted.take(order(number))
    return counted


def _item(tally, after, **more):
    return balance(BEFORE, BEFORE | {1: after}, tally, **more)[0]


def test_exact(tally):
    item = _item(tally, Level(stock=94, version=10))

    assert (item.even, item.expected, item.lost, item.doubled) == (True, 94, 0, 0)


def test_a_lost_order(tally):
    """Accepted three, handled two."""
    item = _item(tally, Level(stock=96, version=9))

    assert (item.even, item.difference, item.lost, item.doubled) == (False, +2, 1, 0)


def test_a_doubled_order(tally):
    """Accepted three, handled four."""
    item = _item(tally, Level(stock=92, version=11))

    assert (item.even, item.difference, item.lost, item.doubled) == (False, -2, 0, 1)


def test_stock_changed_behind_our_back(tally):
    """The orders are right, the pieces are not."""
    item = _item(tally, Level(stock=93, version=10))

    assert (item.even, item.difference, item.lost, item.doubled) == (False, -1, 0, 0)


def test_one_lost_and_one_doubled_of_another_size_do_not_cancel_out(tally, order):
    tally.take(order(4, quantity=5))

    assert not _item(tally, Level(stock=92, version=11)).even


def test_dead_letters_and_sold_out_orders_are_accounted_for(tally, order):
    """Neither is in the stock, neither is lost."""
    item = _item(tally, Level(stock=98, version=8), sold_out=[order(1)], dead=[order(2), order(9, item_id=2)])

    assert (item.even, item.orders_due) == (True, 1)


def test_an_order_given_up_by_its_shopper_and_handled_all_the_same(tally):
    """It is expected once it is known to be in the stock."""
    unsure = [Unsure(at=1, item_id=1, quantity=3, username="u", key="k")]
    item = _item(tally, Level(stock=91, version=11), unsure=unsure)

    assert (item.even, item.doubled) == (True, 0)


def test_levels_are_read_from_the_table():
    assert levels([{"id": 1, "name": "x", "stock": 100, "version": 7}]) == {1: BEFORE[1]}
