"""Every order that the table took is known by its id, however the looks at it fall."""

import pytest

from loadtest.witness import REMEMBERED, Witness
from stock_updater.item import RECENT


class Table:
    """One item, as ``GET /stock`` tells it."""

    def __init__(self, *orders):
        self.version, self.recent = 7, list(orders)

    def take(self, *orders):
        """Take orders from the stock."""
        self.version += len(orders)
        self.recent = [*self.recent, *orders][-REMEMBERED:]

    def tell(self):
        """Tell how it stands."""
        return [{"id": 1, "version": self.version, "recent": list(self.recent)}]


@pytest.fixture
def table():
    """A table that has taken orders before."""
    return Table("before-1", "before-2")


@pytest.fixture
def witness(table):
    """Who knows it from then on."""
    return Witness(table.tell())


def numbered(first, last):
    """Name orders by numbers."""
    return [f"o{number}" for number in range(first, last)]


def test_it_knows_how_many_an_item_remembers():
    """It is stock-updater's to say."""
    assert REMEMBERED == RECENT


@pytest.mark.parametrize("step", [1, 7, 60, 100])
def test_each_order_is_seen_once(table, witness, step):
    """Also when the item forgets those of before meanwhile, and when nothing is new."""
    for first in range(0, 420, step):
        table.take(*numbered(first, first + step))
        witness.look(table.tell())
        witness.look(table.tell())

    assert witness.taken == dict.fromkeys(numbered(0, first + step), 1)
    assert witness.unseen == 0


def test_too_long_between_two_looks_is_told(table, witness):
    """Nobody knows which they were."""
    table.take(*numbered(0, 130))
    witness.look(table.tell())

    assert (len(witness.taken), witness.unseen) == (100, 30)
    assert witness.compare(numbered(0, 131), [], []).lost == []


def test_a_version_that_is_no_order_is_none(table, witness):
    """A rival writer's, or one that fills the stock up."""
    table.take("o1")
    table.version += 3
    witness.look(table.tell())

    assert (witness.taken, witness.unseen) == ({"o1": 1}, 0)


def test_one_lost_and_one_doubled_of_the_same_size_do_not_cancel_out(table, witness):
    """Stock and version are as they should be; the names are not."""
    for one in ("o1", "o2", "o2"):
        table.take(one)
        witness.look(table.tell())

    assert witness.compare(["o1", "o2", "o3"], [], []) == (["o3"], ["o2"], [])


def test_twice_the_same_between_two_looks_is_twice(table, witness):
    """As when a record comes again at once."""
    table.take("o1", "o1")
    witness.look(table.tell())

    assert witness.compare(["o1"], [], []).doubled == ["o1"]


def test_what_is_elsewhere_is_not_lost_and_what_others_ordered_is_told(table, witness):
    """Sold out, or a dead letter; an order that was given up is no stranger's."""
    table.take("o1", "given-up", "stranger's")
    witness.look(table.tell())

    assert witness.compare(["o1", "sold-out"], {"sold-out"}, {"given-up"}) == ([], [], ["stranger's"])


def test_a_table_that_began_anew_is_looked_at_anew(table, witness):
    """As after a DynamoDB that keeps it in memory was killed."""
    table.take("o1")
    witness.look(table.tell())
    fresh = Table()
    fresh.version = 0
    fresh.take("o2")
    witness.look(fresh.tell())

    assert witness.taken == {"o1": 1, "o2": 1}
