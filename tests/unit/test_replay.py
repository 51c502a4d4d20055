"""What is told of dead letters that were put back, with a stock-updater that needs its time."""

import pytest

from vshop.client import ShopError
from vshop.replay import Replay, replay
from vshop.verify.pace import Pace


class Shop:
    """Its dead letters; each look at them is the next of those given, the last one again and again."""

    def __init__(self, *looks, never=()):
        self.looks = list(looks)
        self.never = never

    def replay(self, letter_id):
        """Put one back, as POST /dlq/{id}/replay answers."""
        if letter_id == "away":
            raise ShopError("POST answered 503: Kafka is away", hop="stock-updater", status=503)
        if letter_id in self.never:
            raise ShopError("This can never be handled", hop="stock-updater", status=422)
        if letter_id == "0-9":
            return {"id": letter_id, "replayed": False, "partition": None, "offset": None}
        return {"id": letter_id, "replayed": True, "partition": 3, "offset": int(letter_id.partition("-")[2]) + 100}

    def dead_letters(self):
        """Look."""
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


class NoTime(Pace):
    """A clock that only waiting moves."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        """Return its time."""
        return self.time

    def pause(self, seconds):
        """Go on."""
        self.time += seconds


def letter(letter_id, *, handled=False, partition=0, offset=0):
    return {
        "id": letter_id,
        "handled": handled,
        "partition": partition,
        "offset": offset,
        "errorType": "ClientError",
        "errorMessage": "no key",
    }


def test_it_ends_once_each_is_in_the_stock():
    """However many looks that takes."""
    waiting = [letter("0-1"), letter("0-2")]
    shop = Shop(waiting, [letter("0-1", handled=True), letter("0-2")], [letter("0-1", handled=True), letter("0-2", handled=True)])

    found = replay(shop, ["0-1", "0-2"], 15, NoTime())

    assert [(one.id, one.replayed, one.offset, one.handled) for one in found] == [
        ("0-1", True, 101, True),
        ("0-2", True, 102, True),
    ]


def test_one_that_failed_again_is_waited_for_no_longer():
    """Its record's own letter says why; that is told."""
    again = letter("0-2", partition=3, offset=101)
    pace = NoTime()

    (found,) = replay(Shop([letter("0-1")], [letter("0-1"), again]), ["0-1"], 15, pace)

    assert (found.handled, found.error) == (False, "ClientError: no key")
    assert pace.time < 1


def test_handled_in_the_end_wins_over_a_letter_of_the_same_record():
    """stock-updater died between its write and its commit, say."""
    (found,) = replay(Shop([letter("0-1", handled=True), letter("0-2", partition=3, offset=101)]), ["0-1"], 15, NoTime())

    assert (found.handled, found.error) == (True, None)


def test_one_that_can_never_be_handled_keeps_nobody_back():
    """The reason is told; the next is put back."""
    shop = Shop([letter("0-1"), letter("0-2", handled=True)], never={"0-1"})

    never, next_one = replay(shop, ["0-1", "0-2"], 15, NoTime())

    assert never == Replay(id="0-1", error="This can never be handled")
    assert next_one.handled


def test_waiting_has_an_end():
    """Neither handled nor an error."""
    pace = NoTime()

    (found,) = replay(Shop([letter("0-1")]), ["0-1"], 15, pace)

    assert (found.replayed, found.handled, found.error) == (True, False, None)
    assert 15 <= pace.time < 16


def test_what_is_in_the_stock_already_is_not_looked_for():
    """Nothing was put back; nothing waits."""
    assert replay(Shop(), ["0-9"], 15, NoTime()) == [Replay(id="0-9", handled=True)]


def test_a_shop_that_is_away_is_told():
    """Not taken for a letter that cannot be handled."""
    with pytest.raises(ShopError, match="Kafka is away"):
        replay(Shop([]), ["away"], 15, NoTime())
