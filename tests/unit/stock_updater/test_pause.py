"""stock-updater is paused while a write is under way, beyond the group's session timeout. The order still counts once.

The answer of the write arrives too late, DynamoDB closes the request that stopped arriving, and the partition may have moved.
"""

import pytest
from botocore.exceptions import ReadTimeoutError

from stock_updater.item import OrderOutcome, RecordPosition
from stock_updater.stock import Stock
from tests.unit.stock_updater.conftest import FakeTable
from tests.unit.stock_updater.fakes import Stop
from tests.unit.stock_updater.test_consumer import Rig

TOO_LATE = ReadTimeoutError(endpoint_url="http://dynamodb")


@pytest.fixture
def consume(monkeypatch, table):
    def run(*records):
        stock = Stock(table, 5, Stop())
        rig = Rig(monkeypatch, records, stock.apply)
        rig.included = stock.includes
        return rig.run()

    return run


def lose_answer(table, monkeypatch, then=None):
    put, get, failures = FakeTable.put, FakeTable.get, []

    def put_unanswered(item, *, seen):
        monkeypatch.setattr(table, "put", lambda *args, **seen: put(table, *args, **seen))
        put(table, item, seen=seen)
        failures.extend([then] if then else [])
        raise TOO_LATE

    def get_or_fail(item_id):
        if failures:
            raise failures.pop()
        return get(table, item_id)

    monkeypatch.setattr(table, "put", put_unanswered)
    monkeypatch.setattr(table, "get", get_or_fail)


@pytest.mark.parametrize("code", ["408", "RequestTimeout", "TransactionInProgressException", "ValidationException"])
def test_an_order_written_before_the_pause_is_no_dead_letter(consume, table, make_record, refusal, monkeypatch, code):
    """Whatever the first request after the pause gets. A dead letter beside a written order left its item off by one."""
    lose_answer(table, monkeypatch, refusal(code, 408 if code == "408" else 400))

    done = consume(make_record(3), make_record(4))

    assert done.dead == []
    assert (table.items["1"].ordered, table.items["1"].version) == (2, 2)
    assert done.handled == [OrderOutcome.DUPLICATE, OrderOutcome.APPLIED]
    assert done.kafka.committed == [(0, 4), (0, 5)]


@pytest.mark.parametrize("others", [1, 2, 3])
def test_orders_that_another_consumer_applied_during_the_pause_count_once(consume, table, make_record, make_order, others):
    """It had the partition meanwhile, and was behind or ahead of this consumer."""

    def apply_elsewhere():
        for offset in range(3, 3 + others):
            table.items["1"] = table.items["1"].after(make_order(f"o{offset}"), RecordPosition(0, offset))

    table.before_put = [apply_elsewhere]

    done = consume(make_record(3), make_record(4))

    assert done.dead == []
    assert table.items["1"].ordered == max(2, others)


def test_an_order_that_another_consumer_applied_is_no_dead_letter_at_the_first_try(
    consume, table, make_record, make_order, refusal
):
    def apply_elsewhere():
        table.items["1"] = table.items["1"].after(make_order("o3"), RecordPosition(0, 3))
        raise refusal("ValidationException")

    table.before_put = [apply_elsewhere]

    done = consume(make_record(3))

    assert (done.dead, done.handled) == ([], [OrderOutcome.DUPLICATE])
