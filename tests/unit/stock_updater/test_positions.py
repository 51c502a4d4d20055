import threading
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError
from confluent_kafka import KafkaException, TopicPartition

from stock_updater.item import RecordPosition, TablePosition
from stock_updater.positions import Positions, choose_start
from stock_updater.stock import Stock, TableRolledBackError

OLD, NEW = "topic-1", "topic-2"


@pytest.mark.parametrize(
    ("stored", "committed", "low", "high", "expected"),
    [
        (None, None, 0, 9, TablePosition(NEW, "", 0)),
        (None, 5, 0, 9, TablePosition(NEW, "", 5)),
        (TablePosition(NEW, "", 3), 5, 0, 9, TablePosition(NEW, "", 3)),
        (TablePosition(NEW, "", 5), 3, 0, 9, TablePosition(NEW, "", 3)),
        (TablePosition(NEW, "", 5), None, 0, 9, TablePosition(NEW, "", 5)),
        (TablePosition(NEW, NEW, 5), 5, 0, 9, TablePosition(NEW, NEW, 5)),
        (TablePosition("", "", 5), 5, 0, 9, TablePosition(NEW, "", 5)),
    ],
    ids=["new", "new table", "table behind", "group behind", "group lost", "second topic", "id unknown before"],
)
def test_the_start_is_the_smaller_of_both_positions(stored, committed, low, high, expected):
    assert choose_start(stored, NEW, committed, low, high) == (expected, "")


@pytest.mark.parametrize("committed", [None, 2, 9])
def test_another_topic_starts_at_its_beginning(committed):
    start = choose_start(TablePosition(OLD, "", 7), NEW, committed, 1, 9)

    assert start.position == TablePosition(NEW, NEW, 1)
    assert start.error == "the topic was created again: its id was topic-1 and is topic-2. Its records are new orders."


@pytest.mark.parametrize("topic_id", [NEW, ""])
def test_a_topic_that_lost_its_end_starts_at_its_beginning(topic_id):
    """Its next records reuse offsets that the items have stored."""
    start = choose_start(TablePosition(topic_id, "", 7), topic_id, 7, 0, 4)

    assert (start.position.offset, start.position.log_id) == (0, f"{topic_id}-7-4")
    assert "it ends at 4, but the table has read up to 7" in start.error


def test_a_group_that_is_ahead_of_the_topic_makes_a_new_log():
    start = choose_start(None, NEW, 7, 0, 4)

    assert (start.position.offset, start.position.log_id) == (0, f"{NEW}-7-4")
    assert start.error


def test_records_that_were_deleted_unread_are_reported():
    start = choose_start(TablePosition(NEW, "", 3), NEW, 5, 8, 9)

    assert start == (TablePosition(NEW, "", 8), "5 records were deleted before they were read")


def test_an_offset_of_another_log_is_no_duplicate(make_order, table):
    item = table.items["1"].after(make_order("o1"), RecordPosition(0, 7))

    assert item.includes(make_order("o2"), RecordPosition(0, 7))
    assert not item.includes(make_order("o2"), RecordPosition(0, 7, None, NEW))
    later = item.after(make_order("o2"), RecordPosition(0, 0, None, NEW)).after(make_order("o3"), RecordPosition(1, 4))
    assert later.applied == {f"0@{NEW}": 0, "1": 4}


class Kafka:
    def __init__(self, committed, low, high):
        self.offset, self.bounds = committed, (low, high)

    def committed(self, partitions, **_timeout):
        return [TopicPartition(part.topic, part.partition, self.offset) for part in partitions]

    def get_watermark_offsets(self, _part, **_timeout):
        return self.bounds


def record(offset, partition=0):
    return SimpleNamespace(partition=partition, offset=offset)


@pytest.fixture
def clock():
    return SimpleNamespace(now=100.0)


@pytest.fixture
def topic():
    return SimpleNamespace(id=OLD)


@pytest.fixture
def positions(table, clock, topic, make_order):
    table.items["1"] = table.items["1"].after(make_order("o0"), RecordPosition(0, 4))
    found = Positions(table, lambda: topic.id, lambda: clock.now)
    found.start(Kafka(5, 0, 9), [TopicPartition("orders", 0)])
    return found


def test_a_position_is_stored_at_once_and_then_every_second(positions, table, clock):
    assert table.positions[0].offset == 5
    positions.advance(record(5))
    assert not positions.is_due()
    clock.now += 1.1

    assert positions.is_due()
    positions.save()

    assert table.positions[0].offset == 6
    assert not positions.is_due()


def test_a_record_that_its_item_does_not_show_is_stored_at_once(positions):
    positions.advance(record(5), at_once=True)

    assert positions.is_due()


def test_a_revoked_partition_is_stored_and_forgotten(positions, table):
    positions.advance(record(5))
    positions.remove([TopicPartition("orders", 0)])

    assert table.positions[0].offset == 6
    assert positions.of(record(9), None) == RecordPosition(0, 9)
    assert not positions.is_due()


def test_records_between_the_table_and_the_group_are_read_again(table, topic):
    table.positions[0] = TablePosition(OLD, "", 3)
    positions = Positions(table, lambda: topic.id)

    (start,) = positions.start(Kafka(5, 0, 9), [TopicPartition("orders", 0)])

    assert start.offset == 3
    assert [positions.is_reread(record(offset)) for offset in (3, 4, 5)] == [True, True, False]


def test_a_committed_offset_beyond_the_end_rereads_no_new_record(table, topic):
    table.positions[0] = TablePosition(OLD, "", 3)
    positions = Positions(table, lambda: topic.id)

    (start,) = positions.start(Kafka(5000, 0, 9), [TopicPartition("orders", 0)])

    assert start.offset == 3
    assert [positions.is_reread(record(offset)) for offset in (8, 9)] == [True, False]


@pytest.mark.parametrize("paused_at", ["committed", "get_watermark_offsets"])
def test_a_position_that_another_consumer_stores_during_the_start_is_no_lost_record(table, topic, monkeypatch, caplog, paused_at):
    """This one was paused between its reads: the other one has read beyond the end that this one knows."""
    kafka, after, taken_over = Kafka(5, 0, 9), getattr(Kafka, paused_at), [TablePosition(OLD, "", 20)]
    table.positions[0] = TablePosition(OLD, "", 5)

    def pause(*arguments, **timeout):
        answer = after(kafka, *arguments, **timeout)
        if taken_over:
            table.positions[0] = taken_over.pop()
            kafka.bounds = (0, 25)
        return answer

    monkeypatch.setattr(kafka, paused_at, pause)
    positions = Positions(table, lambda: topic.id)

    (start,) = positions.start(kafka, [TopicPartition("orders", 0)])

    assert start.offset == 5
    assert positions.of(record(5), None).log_id == ""
    assert "lost" not in caplog.text


@pytest.mark.parametrize("paused_at", ["committed", "get_watermark_offsets"])
def test_a_topic_that_is_created_again_during_the_start_is_another_log(table, topic, monkeypatch, paused_at):
    kafka, after = Kafka(5, 3, 9), getattr(Kafka, paused_at)
    table.positions[0] = TablePosition(OLD, "", 5)

    def recreate(*arguments, **timeout):
        answer = after(kafka, *arguments, **timeout)
        topic.id, kafka.offset, kafka.bounds = NEW, -1001, (0, 2)
        return answer

    monkeypatch.setattr(kafka, paused_at, recreate)
    positions = Positions(table, lambda: topic.id)
    (start,) = positions.start(kafka, [TopicPartition("orders", 0)])

    assert (start.offset, positions.of(record(3), None).log_id) == (0, NEW)
    assert table.positions[0] == TablePosition(NEW, NEW, 0)


def test_a_lost_table_gets_all_records_again(table, caplog):
    positions = Positions(table, lambda: OLD)

    (start,) = positions.start(Kafka(5, 1, 9), [TopicPartition("orders", 0)])

    assert start.offset == 1
    assert positions.is_reread(record(4))
    assert "the table has none of its orders, but the group has committed 5" in caplog.text


def test_a_table_of_an_older_version_starts_where_the_group_is(table, make_order):
    table.items["1"] = table.items["1"].after(make_order("o1"), RecordPosition(0, 4))
    positions = Positions(table, lambda: OLD)

    (start,) = positions.start(Kafka(5, 1, 9), [TopicPartition("orders", 0)])

    assert start.offset == 5


def test_another_topic_is_noticed_while_it_is_read(positions, topic):
    positions.advance(record(5))
    assert [positions.is_repeated(record(offset)) for offset in (5, 6)] == [True, False]
    assert not positions.is_topic_replaced()
    topic.id = NEW

    assert positions.is_topic_replaced()


def test_another_topic_is_looked_for_while_nothing_is_read(positions, clock, topic):
    clock.now += 1.1
    topic.id = NEW

    assert positions.is_due()
    assert positions.is_topic_replaced()


def test_a_broker_that_is_away_replaces_no_topic(positions, monkeypatch):
    def fail():
        raise KafkaException("away")

    monkeypatch.setattr(positions, "_read_topic_id", fail)

    assert not positions.is_topic_replaced()


def test_a_table_that_was_rolled_back_is_noticed(positions, table, clock):
    table.positions[0] = TablePosition(OLD, "", 2)
    positions.advance(record(5))

    assert not positions.save()
    assert table.positions[0].offset == 2


@pytest.mark.parametrize("left", [TablePosition(OLD, "", 2), None], ids=["older", "none"])
def test_a_table_that_was_rolled_back_is_noticed_without_new_records(table, topic, left):
    """On each partition, within as many looks as there are partitions."""
    parts = [TopicPartition("orders", number) for number in range(4)]
    for rolled_back in range(4):
        positions = Positions(table, lambda: topic.id)
        positions.start(Kafka(5, 0, 9), parts)
        assert positions.save()
        table.positions[rolled_back] = left

        assert [positions.save() for _ in parts].count(False) == 1
        assert table.positions[rolled_back] == left


def test_a_position_that_cannot_be_stored_is_stored_later(positions, table, clock, monkeypatch):
    def fail(*_arguments, **_more):
        raise EndpointConnectionError(endpoint_url="x")

    positions.advance(record(5))
    with monkeypatch.context() as patched:
        patched.setattr(table, "write_position", fail)
        assert positions.save()
    clock.now += 1.1

    assert positions.is_due()
    assert positions.save()
    assert table.positions[0].offset == 6


def test_an_item_that_goes_back_in_time_stops_the_order(table, make_order):
    """Otherwise its offset would hide the orders that the table lacks."""
    stock, old = Stock(table, 3, threading.Event()), table.items["1"]
    stock.apply(make_order("o1"), RecordPosition(0, 0))
    table.items["1"] = old

    with pytest.raises(TableRolledBackError):
        stock.apply(make_order("o2"), RecordPosition(0, 1))

    assert table.items["1"] == old
    stock.apply(make_order("o1"), RecordPosition(0, 0))
    assert table.items["1"].version == 1
