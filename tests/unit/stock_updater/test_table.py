"""The table, against moto in this process."""

import json
import threading
import uuid

import msgspec
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from stock_updater.item import RECENT, Position
from stock_updater.table import StockTable, WriteRefusedError
from vshop.kit.items import ITEMS
from vshop.kit.settings import Settings


class Only:
    """A board on which one switch is on."""

    def __init__(self, incident):
        self.incident = incident

    def on(self, incident, **_item):
        """Tell whether it is this one."""
        return incident == self.incident


@pytest.fixture
def dynamodb(monkeypatch):
    """An empty DynamoDB."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.fixture
def table(dynamodb):
    """The table, filled."""
    table = StockTable(Settings(dynamodb_endpoint=""))
    table.ensure(threading.Event())
    return table


def test_a_new_table_holds_what_the_shop_sells(table):
    """Whole items, in the order of their numbers."""
    assert [(int(item.id), item.name, item.stock) for item in table.all()] == [(i.id, i.name, i.stock) for i in ITEMS.values()]
    assert table.check() == "table item-stock is ACTIVE"


def test_filling_again_changes_nothing(table, make_order):
    """A second replica, or a restart."""
    seen = table.get("1")
    table.put(seen.after(make_order("o1", 4), Position(0, 0)), seen=seen)
    before = table.all()

    StockTable(Settings(dynamodb_endpoint="")).ensure(threading.Event())

    assert table.all() == before


def test_a_missing_item_is_filled_in(table):
    """As after a start that was cut off."""
    table._client.delete_item(TableName="item-stock", Key={"id": {"S": "3"}})

    table.ensure(threading.Event())

    assert table.get("3").stock == ITEMS[3].stock


def test_no_table_is_made_after_the_order_to_stop(dynamodb):
    """``ensure`` returns."""
    stop = threading.Event()
    stop.set()
    table = StockTable(Settings(dynamodb_endpoint=""))

    table.ensure(stop)

    assert table._client.list_tables()["TableNames"] == []


@pytest.mark.parametrize("read", [lambda table: table.get("1"), lambda table: table.all()[1], lambda table: table.check() and None])
def test_a_table_that_is_gone_is_made_anew(table, make_order, read, caplog):
    """As after DynamoDB was killed, if it keeps its tables in memory; it is said, for the stock of before is gone."""
    seen = table.get("1")
    table.put(seen.after(make_order("o1", 4), Position(0, 0)), seen=seen)
    table._client.delete_table(TableName="item-stock")

    assert read(table) in (None, seen)

    assert table.get("1") == seen
    assert [record.levelname for record in caplog.records if "is made anew" in record.getMessage()] == ["ERROR"]


def test_a_write_to_a_table_that_is_not_ours_makes_none(dynamodb, table):
    """The incident stays one."""
    elsewhere = StockTable(Settings(dynamodb_endpoint=""), Only("stock-table-missing"))
    seen = table.get("1")

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        elsewhere.put(msgspec.structs.replace(seen, version=1), seen=seen)

    assert table._client.list_tables()["TableNames"] == ["item-stock"]


def test_an_item_comes_back_as_it_was_written(table, make_order):
    """Numbers as int, lists and maps as they were, empty ones too."""
    seen = table.get("1")
    item = seen.after(make_order("o1", 4), Position(2, 9, "0-1"))
    table.put(item, seen=seen)

    assert table.get("1") == item
    assert type(table.get("1").stock) is int


def test_the_fullest_item_comes_back_and_is_wholly_on_its_span(table, make_order):
    """The request of an item with all it remembers is within the default limit, so that it stays JSON on the span."""
    seen = table.get("1")
    item = seen
    for number in range(RECENT + 10):
        item = item.after(make_order(str(uuid.UUID(int=number))), Position(number % 12, 10**9 + number))
    requests = []
    table._client.meta.events.register("provide-client-params.dynamodb.PutItem", lambda params, **_: requests.append(params))

    table.put(item, seen=seen)

    assert table.get("1") == item
    assert len(json.dumps(requests[0])) < Settings().payload_limit_bytes


def test_there_is_no_such_item(table):
    """None, not an error."""
    assert table.get("77") is None


def test_a_write_after_another_is_refused_with_the_item_as_it_is(table, make_order):
    """ALL_OLD saves the second read."""
    seen = table.get("1")
    first = seen.after(make_order("o1", 4), Position(0, 0))
    table.put(first, seen=seen)

    with pytest.raises(WriteRefusedError) as caught:
        table.put(seen.after(make_order("o2", 1), Position(0, 1)), seen=seen)

    assert caught.value.current == first
    assert table.get("1") == first


def test_a_write_below_zero_is_refused(table, make_order):
    """Nobody was faster: the version is as it was seen."""
    seen = table.get("9")

    with pytest.raises(WriteRefusedError) as caught:
        table.put(seen.after(make_order("o1", 4, item_id=9), Position(0, 0)), seen=seen)

    assert caught.value.current == seen


def test_an_item_without_its_key_is_refused_word_for_word(dynamodb, table, make_order):
    """The very words that a workshop looks for."""
    spoilt = StockTable(Settings(dynamodb_endpoint=""), Only("stock-put-missing-key"))
    seen = table.get("1")

    with pytest.raises(ClientError) as caught:
        spoilt.put(msgspec.structs.replace(seen, version=1), seen=seen)

    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"] == "One or more parameter values were invalid: Missing the key id in the item"
    assert table.get("1") == seen


def test_filling_up_gives_back_the_stock_and_forgets_no_order(table, make_order):
    """A record that comes again is in the stock already, as before."""
    seen = table.get("1")
    order = make_order("o1", 4)
    table.put(seen.after(order, Position(0, 7)), seen=seen)

    filled = table.fill_up()

    full = table.get("1")
    assert (filled, full.stock, full.ordered) == (1, ITEMS[1].stock, 0)
    assert full.has_seen(make_order("another"), Position(0, 7))
    assert full.has_seen(order, Position(3, 99))
    assert table.fill_up() == 0


def test_an_order_that_comes_while_the_stock_is_filled_up_is_not_overwritten(table, make_order, monkeypatch):
    """It counts on one side or the other; its place is kept in any case."""
    first = table.get("1")
    table.put(first.after(make_order("o1", 4), Position(0, 0)), seen=first)
    late = table.get("1")
    stale = [late]
    table.put(late.after(make_order("o2", 3), Position(0, 1)), seen=late)
    monkeypatch.setattr(table, "all", lambda: stale)

    table.fill_up()

    full = table.get("1")
    assert (full.stock, full.ordered, full.applied) == (ITEMS[1].stock, 0, {"0": 1})
