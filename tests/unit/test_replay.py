import pytest

from vshop.kit.times import Clock
from vshop.shop.client import ShopError
from vshop.shop.operations import Replay, replay


class Shop:
    def __init__(self, *looks, never=()):
        self.looks = list(looks)
        self.never = never

    def replay(self, letter_id):
        if letter_id == "away":
            raise ShopError("POST answered 503: Kafka is away", hop="stock-updater", status=503)
        if letter_id in self.never:
            raise ShopError("This can never be handled", hop="stock-updater", status=422)
        if letter_id == "0-9":
            return {"id": letter_id, "replayed": False, "partition": None, "offset": None}
        return {"id": letter_id, "replayed": True, "partition": 3, "offset": int(letter_id.partition("-")[2]) + 100}

    def dead_letters(self):
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


class FakeClock(Clock):
    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    def sleep(self, seconds):
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


def test_ends_once_every_order_is_in_the_stock():
    waiting = [letter("0-1"), letter("0-2")]
    shop = Shop(waiting, [letter("0-1", handled=True), letter("0-2")], [letter("0-1", handled=True), letter("0-2", handled=True)])

    found = replay(shop, ["0-1", "0-2"], 15, FakeClock())

    assert [(one.id, one.replayed, one.offset, one.handled) for one in found] == [
        ("0-1", True, 101, True),
        ("0-2", True, 102, True),
    ]


def test_an_order_that_failed_again_is_not_waited_for():
    again = letter("0-2", partition=3, offset=101)
    clock = FakeClock()

    (found,) = replay(Shop([letter("0-1")], [letter("0-1"), again]), ["0-1"], 15, clock)

    assert (found.handled, found.error) == (False, "ClientError: no key")
    assert clock.time < 1


def test_a_handled_order_wins_over_a_new_dead_letter_of_the_same_record():
    """Happens when stock-updater dies between its write and its commit."""
    (found,) = replay(Shop([letter("0-1", handled=True), letter("0-2", partition=3, offset=101)]), ["0-1"], 15, FakeClock())

    assert (found.handled, found.error) == (True, None)


def test_a_record_that_can_never_be_handled_does_not_stop_the_others():
    shop = Shop([letter("0-1"), letter("0-2", handled=True)], never={"0-1"})

    never, next_one = replay(shop, ["0-1", "0-2"], 15, FakeClock())

    assert never == Replay(id="0-1", error="This can never be handled")
    assert next_one.handled


def test_waiting_ends_after_the_timeout():
    clock = FakeClock()

    (found,) = replay(Shop([letter("0-1")]), ["0-1"], 15, clock)

    assert (found.replayed, found.handled, found.error) == (True, False, None)
    assert 15 <= clock.time < 16


def test_an_order_already_in_the_stock_is_not_waited_for():
    assert replay(Shop(), ["0-9"], 15, FakeClock()) == [Replay(id="0-9", handled=True)]


def test_an_unreachable_shop_raises():
    with pytest.raises(ShopError, match="Kafka is away"):
        replay(Shop([]), ["away"], 15, FakeClock())
