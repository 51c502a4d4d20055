"""An order is applied with one conditional write, whoever else writes."""

import threading

import msgspec
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from stock_updater.item import Outcome, Position
from stock_updater.stock import Stock, UnknownItemError

PLACE = Position(0, 7)


@pytest.fixture
def stock(table):
    """Three tries at a write; a stop that is set makes their pauses end at once."""
    stop = threading.Event()
    stop.set()
    return Stock(table, 3, stop)


def _rival_takes(table, pieces):
    def write():
        item = table.items["1"]
        table.items["1"] = msgspec.structs.replace(item, stock=item.stock - pieces, version=item.version + 1)

    return write


def test_an_order_takes_its_pieces(stock, table, make_order):
    """The offset and the order's id are written with them."""
    assert stock.apply(make_order("o1", 4), PLACE) == Outcome.APPLIED

    item = table.items["1"]
    assert (item.stock, item.ordered, item.version) == (6, 4, 1)
    assert (item.applied, item.recent) == ({"0": 7}, ["o1"])


def test_the_last_pieces_can_be_taken(stock, table, make_order):
    """All ten."""
    assert stock.apply(make_order("o1", 10), PLACE) == Outcome.APPLIED
    assert table.items["1"].stock == 0


def test_what_is_left_does_not_suffice(stock, table, make_order):
    """Sold out, and nothing written."""
    assert stock.apply(make_order("o1", 11), PLACE) == Outcome.SOLD_OUT
    assert (table.items["1"].stock, table.writes) == (10, 0)


@pytest.mark.parametrize("again", [Position(0, 7), Position(0, 6), Position(1, 0)], ids=["same", "earlier", "another partition"])
def test_a_second_delivery_is_a_duplicate(stock, table, make_order, again):
    """Nothing is written."""
    stock.apply(make_order("o1", 4), PLACE)

    assert stock.apply(make_order("o1", 4), again) == Outcome.DUPLICATE
    assert (table.items["1"].stock, table.writes) == (6, 1)


def test_an_unknown_item_is_an_error(stock, make_order):
    """The text names item and table."""
    with pytest.raises(UnknownItemError, match="no item 77 in table item-stock"):
        stock.apply(make_order("o1", 1, item_id=77), PLACE)


def test_a_lost_race_is_run_again_and_won(stock, table, make_order):
    """Both writers' pieces are taken."""
    table.before_put = [_rival_takes(table, 3)]

    assert stock.apply(make_order("o1", 4), PLACE) == Outcome.APPLIED
    assert (table.items["1"].stock, table.items["1"].version) == (3, 2)


def test_a_lost_race_may_leave_too_little(stock, table, make_order):
    """Then it is sold out, not taken below zero."""
    table.before_put = [_rival_takes(table, 8)]

    assert stock.apply(make_order("o1", 4), PLACE) == Outcome.SOLD_OUT
    assert table.items["1"].stock == 2


def test_a_race_lost_at_every_try_is_dynamodbs_refusal(stock, table, make_order):
    """So that span and dead letter show what DynamoDB said."""
    table.before_put = [_rival_takes(table, 0) for _ in range(9)]

    with pytest.raises(ClientError) as caught:
        stock.apply(make_order("o1", 4), PLACE)

    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert len(table.before_put) == 6
    assert (table.items["1"].stock, table.writes) == (10, 0)


def test_our_own_write_whose_answer_was_lost_is_recognised(stock, table, make_order):
    """The library tried again by itself and met what its first try had written."""
    order = make_order("o1", 4)

    def written_before():
        table.items["1"] = table.items["1"].after(order, PLACE)

    table.before_put = [written_before]

    assert stock.apply(order, PLACE) == Outcome.APPLIED
    assert (table.items["1"].stock, table.items["1"].version) == (6, 1)


def test_no_answer_goes_up(stock, table, make_order):
    """Whether it may pass is for the consumer to say."""

    def timeout():
        raise ReadTimeoutError(endpoint_url="http://dynamodb")

    table.before_put = [timeout]

    with pytest.raises(ReadTimeoutError):
        stock.apply(make_order("o1", 4), PLACE)


def test_the_last_try_can_win(stock, table, make_order):
    """Two lost, the third won."""
    table.before_put = [_rival_takes(table, 0), _rival_takes(table, 0)]

    assert stock.apply(make_order("o1", 4), PLACE) == Outcome.APPLIED
