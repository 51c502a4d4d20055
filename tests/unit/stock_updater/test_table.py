import json
import threading
import uuid

import msgspec
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from stock_updater.item import EARLIER, RECENT, RecordPosition, TablePosition
from stock_updater.table import StockTable, WriteRefusedError
from vshop.kit.demo_data import ITEMS
from vshop.kit.settings import Settings


class Only:
    def __init__(self, incident):
        self.incident = incident

    def on(self, incident, **_item):
        return incident == self.incident


@pytest.fixture
def dynamodb(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.fixture
def table(dynamodb):
    table = StockTable(Settings(dynamodb_endpoint=""))
    table.ensure(threading.Event())
    return table


def test_a_new_table_holds_all_items(table):
    assert [(int(item.id), item.name, item.stock) for item in table.all()] == [(i.id, i.name, i.stock) for i in ITEMS.values()]
    assert table.check() == "table item-stock is ACTIVE"


def test_a_second_ensure_changes_nothing(table, make_order):
    seen = table.get("1")
    table.put(seen.after(make_order("o1", 4), RecordPosition(0, 0)), seen=seen)
    before = table.all()

    StockTable(Settings(dynamodb_endpoint="")).ensure(threading.Event())

    assert table.all() == before


def test_a_missing_item_is_added(table):
    table._client.delete_item(TableName="item-stock", Key={"id": {"S": "3"}})

    table.ensure(threading.Event())

    assert table.get("3").stock == ITEMS[3].stock


def test_ensure_creates_nothing_after_the_stop(dynamodb):
    stop = threading.Event()
    stop.set()
    table = StockTable(Settings(dynamodb_endpoint=""))

    table.ensure(stop)

    assert table._client.list_tables()["TableNames"] == []


@pytest.mark.parametrize("read", [lambda table: table.get("1"), lambda table: table.all()[1], lambda table: table.check() and None])
def test_a_lost_table_is_created_again(table, make_order, read, caplog):
    seen = table.get("1")
    table.put(seen.after(make_order("o1", 4), RecordPosition(0, 0)), seen=seen)
    table._client.delete_table(TableName="item-stock")

    assert read(table) in (None, seen)

    assert table.get("1") == seen
    assert [record.levelname for record in caplog.records if "creating it again" in record.getMessage()] == ["ERROR"]


def test_an_item_is_awaited_while_another_thread_fills_the_new_table(table, monkeypatch):
    """Else a good order would become a dead letter: there is no such item."""
    table._client.delete_table(TableName="item-stock")
    filling, go_on, put_item = threading.Event(), threading.Event(), table._client.put_item

    def put_later(**request):
        filling.set()
        assert go_on.wait(10)
        return put_item(**request)

    monkeypatch.setattr(table._client, "put_item", put_later)
    other = threading.Thread(target=table.all)
    other.start()
    assert filling.wait(10)
    threading.Timer(0.2, go_on.set).start()

    assert table.get("1").stock == ITEMS[1].stock
    other.join()


def test_a_table_that_was_never_created_is_not_lost(dynamodb, caplog):
    """Before the first `ensure` has finished, the readiness check fails and creates nothing; a read creates the table."""
    table = StockTable(Settings(dynamodb_endpoint=""))

    with pytest.raises(LookupError, match="table item-stock is not created yet"):
        table.check()
    assert table._client.list_tables()["TableNames"] == []

    assert table.get("1").stock == ITEMS[1].stock
    assert caplog.records == []


def test_a_write_to_a_missing_table_creates_none(dynamodb, table):
    elsewhere = StockTable(Settings(dynamodb_endpoint=""), Only("stock-table-missing"))
    seen = table.get("1")

    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        elsewhere.put(msgspec.structs.replace(seen, version=1), seen=seen)

    assert table._client.list_tables()["TableNames"] == ["item-stock"]


def test_an_item_is_read_as_it_was_written(table, make_order):
    seen = table.get("1")
    item = seen.after(make_order("o1", 4), RecordPosition(2, 9, "0-1"))
    table.put(item, seen=seen)

    assert table.get("1") == item
    assert type(table.get("1").stock) is int


def test_the_largest_item_fits_its_span(table, make_order):
    """Its request is within the default limit, so that it stays JSON on the span."""
    seen = table.get("1")
    item = seen
    for number in range(RECENT + EARLIER + 10):
        item = item.after(make_order(str(uuid.UUID(int=number))), RecordPosition(number % 12, 10**9 + number))
    requests = []
    table._client.meta.events.register("provide-client-params.dynamodb.PutItem", lambda params, **_: requests.append(params))

    table.put(item, seen=seen)

    assert table.get("1") == item
    assert len(json.dumps(requests[0])) < Settings().payload_limit_bytes


def test_a_missing_item_is_none(table):
    assert table.get("77") is None


def test_a_lost_race_returns_the_current_item(table, make_order):
    seen = table.get("1")
    first = seen.after(make_order("o1", 4), RecordPosition(0, 0))
    table.put(first, seen=seen)

    with pytest.raises(WriteRefusedError) as caught:
        table.put(seen.after(make_order("o2", 1), RecordPosition(0, 1)), seen=seen)

    assert caught.value.current == first
    assert table.get("1") == first


def test_a_write_below_zero_is_refused(table, make_order):
    seen = table.get("9")

    with pytest.raises(WriteRefusedError) as caught:
        table.put(seen.after(make_order("o1", 4, item_id=9), RecordPosition(0, 0)), seen=seen)

    assert caught.value.current == seen


def test_an_item_without_its_key_is_refused_word_for_word(dynamodb, table, make_order):
    spoilt = StockTable(Settings(dynamodb_endpoint=""), Only("stock-put-missing-key"))
    seen = table.get("1")

    with pytest.raises(ClientError) as caught:
        spoilt.put(msgspec.structs.replace(seen, version=1), seen=seen)

    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"] == "One or more parameter values were invalid: Missing the key id in the item"
    assert table.get("1") == seen


def test_restocking_keeps_the_orders_seen(table, make_order):
    seen = table.get("1")
    order = make_order("o1", 4)
    table.put(seen.after(order, RecordPosition(0, 7)), seen=seen)

    filled = table.restock()

    full = table.get("1")
    assert (filled, full.stock, full.ordered) == (1, ITEMS[1].stock, 0)
    assert full.includes(make_order("another"), RecordPosition(0, 7))
    assert full.includes(order, RecordPosition(3, 99))
    assert table.restock() == 0


def test_restocking_does_not_overwrite_a_concurrent_order(table, make_order, monkeypatch):
    first = table.get("1")
    table.put(first.after(make_order("o1", 4), RecordPosition(0, 0)), seen=first)
    late = table.get("1")
    stale = [late]
    table.put(late.after(make_order("o2", 3), RecordPosition(0, 1)), seen=late)
    monkeypatch.setattr(table, "all", lambda: stale)

    table.restock()

    full = table.get("1")
    assert (full.stock, full.ordered, full.applied) == (ITEMS[1].stock, 0, {"0": 1})


def test_orders_of_a_partition_are_found(table, make_order):
    item = table.get("1")
    table.put(item.after(make_order("o1"), RecordPosition(3, 0, None, "log")), seen=item)

    assert table.has_order_of(3)
    assert not table.has_order_of(0)


def test_a_position_is_stored_beside_the_items(table):
    first, second = TablePosition("topic", "", 7), TablePosition("topic", "", 9)

    assert table.read_position(3) is None
    assert table.write_position(3, first, seen=None)
    assert table.write_position(3, first, seen=None), "its own write, if its response was lost"
    assert table.write_position(3, second, seen=first)
    assert not table.write_position(3, TablePosition("topic", "", 8), seen=first)
    assert table.read_position(3) == second
    assert len(table.all()) == len(ITEMS)
    assert table.restock() == 0
    assert table.read_position(3) == second
