"""One record at a time: committed once it is in the stock or among the dead letters, and never before."""

import threading
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError

from stock_updater import consumer as module
from stock_updater.consumer import OrderConsumer
from stock_updater.item import Outcome
from vshop.kit.events import InvalidRecordError
from vshop.kit.kafka_processing import Processing
from vshop.kit.kafka_sender import DeliveryError
from vshop.kit.payloads import Payloads
from vshop.kit.settings import Settings

AWAY = EndpointConnectionError(endpoint_url="http://dynamodb")
KAFKA_AWAY = DeliveryError("timed out", code="_MSG_TIMED_OUT", refused=False)


class FakeKafka:
    """Stands where the library's Consumer does: hands records out, notes what is committed, then tells the loop to stop."""

    def __init__(self, records, stop):
        self.records = list(records)
        self.stop = stop
        self.handed = []
        self.committed = []
        self.closed = False

    def __call__(self, config, **_more):
        """Be constructed."""
        self.config = config
        return self

    def subscribe(self, topics, **_callbacks):
        """Join."""
        self.topics = topics

    def poll(self, _timeout):
        """Hand out the next message."""
        if not self.records:
            self.stop.set()
            return None
        self.handed.append(self.records.pop(0))
        return Message(self.handed[-1])

    def store_offsets(self, offsets):
        """Take a place over that is committed at hand-over."""

    def commit(self, offsets, **_how):
        """Note a commit."""
        self.committed += [(part.partition, part.offset) for part in offsets]

    def seek(self, place):
        """Go back: the record comes again after those of the other partitions."""
        self.records.append(next(one for one in self.handed if (one.partition, one.offset) == (place.partition, place.offset)))

    def close(self):
        """Leave."""
        self.closed = True


class Message:
    """A record as the library hands it out."""

    def __init__(self, record):
        self.record = record

    def error(self):
        """Be no error."""

    def __getattr__(self, name):
        value = (0, self.record.time_ms) if name == "timestamp" else getattr(self.record, name)
        return lambda: value


class Script:
    """Does what it is told to, call by call, the last for ever; exceptions are raised. Notes what it was called with."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.calls = []

    def __call__(self, *arguments, **_more):
        """Take the next step."""
        self.calls.append(arguments)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step() if callable(step) else step


class Stop(threading.Event):
    """A stop that nobody waits long for."""

    def wait(self, timeout=None):
        """Wait a moment instead."""
        return super().wait(min(timeout or 0.001, 0.001))


class Rig:
    """The consumer and all that it touches."""

    def __init__(self, monkeypatch, records, apply, write=None, on=(), **settings):
        self.stop = Stop()
        self.kafka = FakeKafka(records, self.stop)
        self.apply, self.write = apply, write or Script(None)
        self.dead = []
        monkeypatch.setattr(module, "Consumer", self.kafka)
        wanted = Settings(**settings)
        parts = (Processing(wanted, Payloads(wanted)), self, self, self, self, self.stop)
        self.consumer = OrderConsumer(wanted, *parts, SimpleNamespace(on=lambda name, **_target: name in on))

    # what stands for Stock, DeadLetters, Measures and Lag
    partitions = (0,)

    def handled(self, *_arguments):
        """Measures and lag are tested elsewhere."""

    def dead_lettered(self, error):
        """Note what was counted as dead."""
        self.dead.append(error)

    def run(self):
        """Run until the records are used up."""
        self.consumer.run()
        return self


@pytest.fixture
def rig(monkeypatch):
    """Build a consumer."""
    return lambda *arguments, **settings: Rig(monkeypatch, *arguments, **settings)


def test_a_handled_record_is_committed(rig, make_record):
    """Its place is the next offset."""
    done = rig([make_record(3), make_record(4)], Script(Outcome.APPLIED)).run()

    assert done.kafka.committed == [(0, 4), (0, 5)]
    assert done.write.calls == []
    assert done.kafka.closed


def test_a_redelivery_comes_once_a_record(rig, make_record):
    """Also when records of two partitions take turns: else they would come again for ever."""
    records = [make_record(3), make_record(7)._replace(partition=1), make_record(4)]
    done = rig(records, Script(Outcome.APPLIED), on={"stock-double-decrement"}).run()

    assert [(one.partition, one.offset) for one in done.kafka.handed] == [(0, 3), (1, 7), (0, 4)] * 2


def test_the_library_commits_nothing_by_itself(rig):
    """Neither in the background nor, of a record in hand, at hand-over."""
    config = rig([], Script(None)).run().kafka.config

    assert config["enable.auto.commit"] is False
    assert config["enable.auto.offset.store"] is False


def test_what_can_never_succeed_is_dead_lettered_and_committed(rig, make_record, refusal):
    """At the first try."""
    error = refusal("ValidationException")
    record = make_record(3)
    done = rig([record], Script(error)).run()

    assert done.write.calls == [(record, error)]
    assert done.dead == [error]
    assert done.kafka.committed == [(0, 4)]


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[]", b'{"schemaVersion": 2}', b'{"x":' + b"[" * 60_000], ids=ascii)
def test_a_record_that_is_no_order_is_dead_lettered(rig, make_record, value):
    """Without a look at the stock."""
    done = rig([make_record(3, value)], Script(None)).run()

    assert [type(error) for error in done.dead] == [InvalidRecordError]
    assert done.apply.calls == []
    assert done.kafka.committed == [(0, 4)]


def test_what_may_pass_is_tried_again_and_committed_once(rig, make_record):
    """The record waits; nothing behind it is taken first."""
    done = rig([make_record(3), make_record(4)], Script(AWAY, AWAY, Outcome.APPLIED)).run()

    assert [order.order_id for order, _ in done.apply.calls] == ["o3", "o3", "o3", "o4"]
    assert done.write.calls == []
    assert done.kafka.committed == [(0, 4), (0, 5)]


def test_a_stop_while_waiting_leaves_the_record_uncommitted(rig, make_record):
    """It is delivered again to the next life."""
    done = rig([make_record(3)], Script(AWAY))
    done.apply.steps = [lambda: (done.stop.set(), (_ for _ in ()).throw(AWAY))]
    done.run()

    assert len(done.apply.calls) == 1
    assert done.kafka.committed == []
    assert done.write.calls == []
    assert done.kafka.closed


def test_when_patience_is_over_the_record_is_dead_lettered(rig, make_record):
    """So that the partition goes on; it can be replayed."""
    done = rig([make_record(3)], Script(AWAY), outage_patience_s=0.05).run()

    assert len(done.apply.calls) > 1
    assert done.dead == [AWAY]
    assert done.kafka.committed == [(0, 4)]


def test_a_dead_letter_that_kafka_did_not_take_is_tried_again(rig, make_record, refusal):
    """Until then nothing is committed or counted."""
    error = refusal("ValidationException")
    write = Script(KAFKA_AWAY, KAFKA_AWAY, None)
    done = rig([make_record(3)], Script(error), write).run()

    assert len(write.calls) == 3
    assert done.dead == [error]
    assert done.kafka.committed == [(0, 4)]


def test_a_dead_letter_under_way_at_the_stop_is_not_committed(rig, make_record, refusal):
    """The record is dead-lettered by the next life."""
    done = rig([make_record(3)], Script(refusal("ValidationException")), Script(KAFKA_AWAY))
    done.write.steps = [lambda: (done.stop.set(), (_ for _ in ()).throw(KAFKA_AWAY))]
    done.run()

    assert done.kafka.committed == []
    assert done.dead == []


def test_it_is_ready_once_it_has_joined_its_group(rig):
    """Before that the check fails."""
    waiting = rig([], Script(None)).consumer

    with pytest.raises(LookupError):
        waiting.check_group()
