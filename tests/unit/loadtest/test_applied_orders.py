import pytest

from loadtest.stock_check import REMEMBERED, AppliedOrders
from stock_updater.item import RECENT


class Table:
    def __init__(self, *orders):
        self.version, self.recent = 7, list(orders)

    def take(self, *orders):
        self.version += len(orders)
        self.recent = [*self.recent, *orders][-REMEMBERED:]

    def items(self):
        return [{"id": 1, "version": self.version, "recent": list(self.recent)}]


@pytest.fixture
def table():
    return Table("before-1", "before-2")


@pytest.fixture
def applied(table):
    return AppliedOrders(table.items())


def numbered(first, last):
    return [f"o{number}" for number in range(first, last)]


def test_remembered_orders_agree_with_stock_updater():
    assert REMEMBERED == RECENT


@pytest.mark.parametrize("step", [1, 7, 60, 100])
def test_each_order_is_seen_once(table, applied, step):
    for first in range(0, 420, step):
        table.take(*numbered(first, first + step))
        applied.look(table.items())
        applied.look(table.items())

    assert applied.taken == dict.fromkeys(numbered(0, first + step), 1)
    assert applied.unseen == 0


def test_orders_evicted_between_polls_are_counted_as_unseen(table, applied):
    table.take(*numbered(0, 130))
    applied.look(table.items())

    assert (len(applied.taken), applied.unseen) == (100, 30)
    assert applied.compare(numbered(0, 131), [], []).lost == []


def test_version_change_without_order_is_ignored(table, applied):
    table.take("o1")
    table.version += 3
    applied.look(table.items())

    assert (applied.taken, applied.unseen) == ({"o1": 1}, 0)


def test_one_lost_and_one_doubled_of_the_same_size_do_not_cancel_out(table, applied):
    for one in ("o1", "o2", "o2"):
        table.take(one)
        applied.look(table.items())

    assert applied.compare(["o1", "o2", "o3"], [], []) == (["o3"], ["o2"], [])


def test_order_applied_twice_between_polls_is_doubled(table, applied):
    table.take("o1", "o1")
    applied.look(table.items())

    assert applied.compare(["o1"], [], []).doubled == ["o1"]


def test_sold_out_orders_are_not_lost_and_foreign_orders_are_listed(table, applied):
    table.take("o1", "given-up", "stranger's")
    applied.look(table.items())

    assert applied.compare(["o1", "sold-out"], {"sold-out"}, {"given-up"}) == ([], [], ["stranger's"])


def test_recreated_table_is_recorded_from_the_start(table, applied):
    table.take("o1")
    applied.look(table.items())
    fresh = Table()
    fresh.version = 0
    fresh.take("o2")
    applied.look(fresh.items())

    assert applied.taken == {"o1": 1, "o2": 1}


def test_orders_after_a_rollback_are_applied_again(table, applied):
    table.take("o1", "o2", "o3")
    applied.look(table.items())
    table.version, table.recent = table.version - 2, table.recent[:-2]
    applied.look(table.items())
    assert applied.compare(["o1", "o2", "o3"], [], []).lost == ["o2", "o3"]

    table.take("o2", "o3")
    applied.look(table.items())
    assert applied.compare(["o1", "o2", "o3"], [], []) == ([], [], [])


def test_new_orders_come_between_a_rollback_and_the_removed_ones(table, applied):
    table.take("o1", "o2", "o3")
    applied.look(table.items())
    table.version, table.recent = table.version - 2, table.recent[:-2]
    table.take("o4")
    applied.look(table.items())
    table.take("o2", "o3")
    applied.look(table.items())

    assert applied.compare(["o1", "o2", "o3", "o4"], [], []) == ([], [], [])


def test_more_new_orders_than_the_rollback_removed(table, applied):
    table.take("o1", "o2", "o3")
    applied.look(table.items())
    table.version, table.recent = table.version - 1, table.recent[:-1]
    table.take("o4", "o5")
    applied.look(table.items())

    assert applied.compare(["o1", "o2", "o3", "o4", "o5"], [], []) == (["o3"], [], [])
