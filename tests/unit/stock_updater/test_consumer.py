from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError
from confluent_kafka import KafkaError, TopicPartition

from stock_updater import consumer as consumer_module
from stock_updater import membership as module
from stock_updater.consumer import OrderConsumer
from stock_updater.item import OrderOutcome
from stock_updater.membership import Membership
from stock_updater.positions import Positions
from stock_updater.stock import TableRolledBackError
from tests.unit.stock_updater.fakes import FakeKafka, Script, Stop
from vshop.kit.http.health import DegradedError
from vshop.kit.kafka.processing import Processing
from vshop.kit.kafka.sender import DeliveryError
from vshop.kit.order import InvalidRecordError
from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads

AWAY = EndpointConnectionError(endpoint_url="http://dynamodb")
KAFKA_AWAY = DeliveryError("timed out", code="_MSG_TIMED_OUT", refused=False)


class Rig:
    def __init__(self, monkeypatch, records, apply, write=None, on=(), **settings):
        self.stop = Stop()
        self.kafka = FakeKafka(records, self.stop)
        self.apply, self.write = apply, write or Script(None)
        self.dead = []
        self.processed = []
        monkeypatch.setattr(module, "Consumer", self.kafka)
        wanted = Settings(**settings)
        self.included = Script(None)
        self.stored, self.handled = {}, []
        self.positions = Positions(self, lambda: "topic-1")
        self.membership = Membership(wanted, self.positions, self, self.stop)
        parts = (Processing(wanted, Payloads(wanted)), self, self, self, self, self.positions, self.membership, self.stop)
        self.consumer = OrderConsumer(wanted, *parts, SimpleNamespace(on=lambda name, **_target: name in on))

    # Stands in for Stock, StockTable, DeadLetters, StockMetrics and ConsumerLag.
    def includes(self, order, position):
        return self.included(order, position)

    def read_position(self, partition):
        return self.stored.get(partition)

    def has_order_of(self, _partition):
        return False

    def write_position(self, partition, position, *, seen):
        is_same = self.stored.get(partition) == seen
        if is_same:
            self.stored[partition] = position
        return is_same

    def mark_processed(self, partition, offset):
        self.processed.append((partition, offset))

    def remove_revoked(self, partitions):
        """Have no lag."""

    def count_handled(self, outcome):
        self.handled.append(outcome)

    def count_dead_lettered(self, error):
        self.dead.append(error)

    def run(self):
        self.consumer.run()
        return self


@pytest.fixture
def rig(monkeypatch):
    return lambda *arguments, **settings: Rig(monkeypatch, *arguments, **settings)


def test_an_applied_record_is_committed(rig, make_record):
    done = rig([make_record(3), make_record(4)], Script(OrderOutcome.APPLIED)).run()

    assert done.kafka.committed == [(0, 4), (0, 5)]
    assert done.write.calls == []
    assert done.kafka.closed


def test_a_record_is_redelivered_once(rig, make_record):
    """Also with two partitions in turn, which would otherwise redeliver each other's records for ever."""
    records = [make_record(3), make_record(7)._replace(partition=1), make_record(4)]
    done = rig(records, Script(OrderOutcome.APPLIED), on={"stock-double-decrement"}).run()

    assert [(one.partition, one.offset) for one in done.kafka.handed] == [(0, 3), (1, 7), (0, 4)] * 2
    assert done.processed == [(0, 3), (1, 7), (0, 4)], "a record that will be redelivered is not processed yet"


def test_the_library_commits_nothing_by_itself(rig):
    config = rig([], Script(None)).run().kafka.config

    assert config["enable.auto.commit"] is False
    assert config["enable.auto.offset.store"] is False


def test_a_permanent_error_is_dead_lettered_at_the_first_try(rig, make_record, refusal):
    error = refusal("ValidationException")
    record = make_record(3)
    done = rig([record], Script(error)).run()

    assert done.write.calls == [(record, error)]
    assert done.dead == [error]
    assert done.kafka.committed == [(0, 4)]


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[]", b'{"schemaVersion": 2}', b'{"x":' + b"[" * 60_000], ids=ascii)
def test_an_invalid_record_is_dead_lettered_without_reading_the_stock(rig, make_record, value):
    done = rig([make_record(3, value)], Script(None)).run()

    assert [type(error) for error in done.dead] == [InvalidRecordError]
    assert done.apply.calls == []
    assert done.kafka.committed == [(0, 4)]


def test_a_retryable_error_is_retried_before_the_next_record(rig, make_record):
    done = rig([make_record(3), make_record(4)], Script(AWAY, AWAY, OrderOutcome.APPLIED)).run()

    assert [order.order_id for order, _ in done.apply.calls] == ["o3", "o3", "o3", "o4"]
    assert done.write.calls == []
    assert done.kafka.committed == [(0, 4), (0, 5)]


def test_a_stop_while_waiting_leaves_the_record_uncommitted(rig, make_record):
    done = rig([make_record(3)], Script(AWAY))
    done.apply.steps = [lambda: (done.stop.set(), (_ for _ in ()).throw(AWAY))]
    done.run()

    assert len(done.apply.calls) == 1
    assert done.kafka.committed == []
    assert done.write.calls == []
    assert done.kafka.closed


def test_a_transient_error_is_never_dead_lettered(rig, make_record):
    done = rig([make_record(3)], Script(*[AWAY] * 30, OrderOutcome.APPLIED), outage_patience_s=0.001).run()

    assert len(done.apply.calls) == 31
    assert done.dead == []
    assert done.kafka.committed == [(0, 4)]


def test_an_error_for_the_operator_is_dead_lettered_after_the_outage_timeout(rig, make_record, refusal):
    error = refusal("AccessDeniedException")
    done = rig([make_record(3)], Script(error), outage_patience_s=0.05).run()

    assert len(done.apply.calls) > 1
    assert done.dead == [error]
    assert done.kafka.committed == [(0, 4)]


def test_an_order_that_was_applied_by_an_earlier_try_is_not_dead_lettered(rig, make_record, refusal):
    """The response to the first write was lost, and the second try fails: the table knows the outcome."""
    done = rig([make_record(3)], Script(AWAY, refusal("ValidationException")))
    done.included.steps = [True]
    done.run()

    assert (done.dead, done.handled) == ([], [OrderOutcome.DUPLICATE])
    assert done.kafka.committed == [(0, 4)]


def test_an_unreadable_table_keeps_no_record_waiting_for_ever(rig, make_record, refusal):
    """The operator's patience is over, and the table refuses the read that looks for an earlier write as well."""
    error = refusal("AccessDeniedException")
    done = rig([make_record(3), make_record(4)], Script(error), outage_patience_s=0.02)
    done.included = Script(error)
    done.run()

    assert done.dead == [error, error]
    assert done.kafka.committed == [(0, 4), (0, 5)]


def test_a_partition_that_was_revoked_degrades_no_readiness_check(rig, make_record, monkeypatch):
    monkeypatch.setattr(consumer_module, "_TURN_S", 0)
    done = rig([make_record(3)], Script(AWAY))
    seen = []

    def look(_place):
        with pytest.raises(DegradedError):
            done.consumer.check_waiting()
        done.kafka.callbacks["on_revoke"](SimpleNamespace(commit=lambda **_how: None), [TopicPartition("orders", 0)])
        seen.append(done.consumer.check_waiting())

    done.kafka.seek = look
    done.run()

    assert seen == ["no record waits"]


def test_a_waiting_record_is_polled_again_so_that_the_consumer_stays_in_its_group(rig, make_record, monkeypatch):
    monkeypatch.setattr(consumer_module, "_TURN_S", 0)
    done = rig([make_record(3), make_record(4)], Script(AWAY, OrderOutcome.APPLIED)).run()

    assert [record.offset for record in done.kafka.handed] == [3, 4, 3]
    assert done.dead == []


def test_a_waiting_record_degrades_the_readiness_check(rig, make_record):
    done = rig([make_record(3)], Script(AWAY, OrderOutcome.APPLIED))

    def look():
        with pytest.raises(DegradedError, match=r"record 0-3 waits for 0 s, 1 tries: Could not connect"):
            done.consumer.check_waiting()
        return OrderOutcome.APPLIED

    done.apply.steps = [AWAY, look]
    done.run()

    assert len(done.apply.calls) == 2
    assert done.consumer.check_waiting() == "no record waits"


def test_an_unacknowledged_dead_letter_is_retried(rig, make_record, refusal):
    error = refusal("ValidationException")
    write = Script(KAFKA_AWAY, KAFKA_AWAY, None)
    done = rig([make_record(3)], Script(error), write).run()

    assert len(write.calls) == 3
    assert done.dead == [error]
    assert done.kafka.committed == [(0, 4)]


def test_a_stop_during_dead_lettering_leaves_the_record_uncommitted(rig, make_record, refusal):
    done = rig([make_record(3)], Script(refusal("ValidationException")), Script(KAFKA_AWAY))
    done.write.steps = [lambda: (done.stop.set(), (_ for _ in ()).throw(KAFKA_AWAY))]
    done.run()

    assert done.kafka.committed == []
    assert done.dead == []


def test_a_record_after_a_rollback_waits_for_the_next_assignment(rig, make_record):
    """Fetched before, it would be judged without its log's id, and committed in front of the orders that the table lacks."""
    done = rig([make_record(3), make_record(4)], Script(TableRolledBackError("older"), OrderOutcome.APPLIED))
    start_at(done.positions, 3)
    done.run()

    assert [order.order_id for order, _ in done.apply.calls] == ["o3"]
    assert (done.kafka.committed, done.dead) == ([], [])


def start_at(positions, offset):
    kafka = SimpleNamespace(
        committed=lambda parts, **_timeout: [TopicPartition(parts[0].topic, 0, offset)],
        get_watermark_offsets=lambda _part, **_timeout: (0, 100),
    )
    positions.start(kafka, [TopicPartition("orders", 0)])


@pytest.mark.parametrize(("joined", "level"), [(False, "INFO"), (True, "WARNING")])
def test_an_unknown_topic_is_a_warning_only_after_the_consumer_has_joined(rig, monkeypatch, caplog, joined, level):
    waiting = rig([], Script(None))
    errors = [SimpleNamespace(error=lambda: KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))]
    poll = waiting.kafka.poll
    monkeypatch.setattr(waiting.kafka, "poll", lambda timeout: errors.pop() if errors else poll(timeout))
    caplog.set_level("INFO")
    if joined:
        waiting.membership.joined.set()

    waiting.run()

    assert [record.levelname for record in caplog.records if "Kafka reports" in record.getMessage()] == [level]


def test_a_consumer_joins_again_with_a_new_client(monkeypatch):
    """After a topic was created again, librdkafka's client may deliver nothing from it."""
    clients = []
    monkeypatch.setattr(module, "Consumer", lambda *_, **__: clients.append(FakeKafka([], Stop())) or clients[-1])
    membership = Membership(Settings(), None, None, Stop())
    membership.subscribe()

    membership.rejoin()

    assert [client.closed for client in clients] == [True, False]
    assert membership.consumer is clients[1]
    assert clients[1].topics == clients[0].topics
