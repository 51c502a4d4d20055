import threading

import msgspec
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from stock_updater.item import OrderOutcome, RecordPosition
from stock_updater.stock import Stock, UnknownItemError

PLACE = RecordPosition(0, 7)


@pytest.fixture
def stock(table):
    stop = threading.Event()
    stop.set()
    return Stock(table, 3, stop)


def _competing_writer_takes(table, pieces):
    def write():
        item = table.items["1"]
        table.items["1"] = msgspec.structs.replace(item, stock=item.stock - pieces, version=item.version + 1)

    return write


def test_an_order_takes_its_pieces(stock, table, make_order):
    assert stock.apply(make_order("o1", 4), PLACE) == OrderOutcome.APPLIED

    item = table.items["1"]
    assert (item.stock, item.ordered, item.version) == (6, 4, 1)
    assert (item.applied, item.recent) == ({"0": 7}, ["o1"])


def test_the_last_pieces_can_be_ordered(stock, table, make_order):
    assert stock.apply(make_order("o1", 10), PLACE) == OrderOutcome.APPLIED
    assert table.items["1"].stock == 0


def test_an_order_above_the_stock_is_sold_out(stock, table, make_order):
    assert stock.apply(make_order("o1", 11), PLACE) == OrderOutcome.SOLD_OUT
    assert (table.items["1"].stock, table.writes) == (10, 0)


@pytest.mark.parametrize(
    "again", [RecordPosition(0, 7), RecordPosition(0, 6), RecordPosition(1, 0)], ids=["same", "earlier", "another partition"]
)
def test_a_second_delivery_is_a_duplicate(stock, table, make_order, again):
    stock.apply(make_order("o1", 4), PLACE)

    assert stock.apply(make_order("o1", 4), again) == OrderOutcome.DUPLICATE
    assert (table.items["1"].stock, table.writes) == (6, 1)


def test_an_unknown_item_is_an_error(stock, make_order):
    with pytest.raises(UnknownItemError, match="no item 77 in table item-stock"):
        stock.apply(make_order("o1", 1, item_id=77), PLACE)


def test_a_lost_race_is_repeated(stock, table, make_order):
    table.before_put = [_competing_writer_takes(table, 3)]

    assert stock.apply(make_order("o1", 4), PLACE) == OrderOutcome.APPLIED
    assert (table.items["1"].stock, table.items["1"].version) == (3, 2)


def test_a_lost_race_may_leave_too_little_stock(stock, table, make_order):
    table.before_put = [_competing_writer_takes(table, 8)]

    assert stock.apply(make_order("o1", 4), PLACE) == OrderOutcome.SOLD_OUT
    assert table.items["1"].stock == 2


def test_a_race_lost_at_every_try_raises_dynamodbs_refusal(stock, table, make_order):
    """So that span and dead letter show it."""
    table.before_put = [_competing_writer_takes(table, 0) for _ in range(9)]

    with pytest.raises(ClientError) as caught:
        stock.apply(make_order("o1", 4), PLACE)

    assert caught.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert len(table.before_put) == 6
    assert (table.items["1"].stock, table.writes) == (10, 0)


@pytest.mark.parametrize(("retries", "outcome"), [(1, OrderOutcome.APPLIED), (0, OrderOutcome.DUPLICATE)])
def test_a_write_with_a_lost_response_is_recognised(stock, table, make_order, retries, outcome):
    """Botocore repeated the write and met its own first one; at the first try it meets another consumer's."""
    table.retries = retries
    order = make_order("o1", 4)

    def written_before():
        table.items["1"] = table.items["1"].after(order, PLACE)

    table.before_put = [written_before]

    assert stock.apply(order, PLACE) == outcome
    assert (table.items["1"].stock, table.items["1"].version) == (6, 1)


def test_a_timeout_propagates(stock, table, make_order):
    def timeout():
        raise ReadTimeoutError(endpoint_url="http://dynamodb")

    table.before_put = [timeout]

    with pytest.raises(ReadTimeoutError):
        stock.apply(make_order("o1", 4), PLACE)


def test_the_last_try_can_win(stock, table, make_order):
    table.before_put = [_competing_writer_takes(table, 0), _competing_writer_takes(table, 0)]

    assert stock.apply(make_order("o1", 4), PLACE) == OrderOutcome.APPLIED
