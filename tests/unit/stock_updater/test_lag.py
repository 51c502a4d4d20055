import threading
import time

import pytest
from confluent_kafka import Consumer, TopicPartition

from stock_updater.lag import ConsumerLag
from vshop.kit.kafka.sender import Sender
from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads


@pytest.fixture
def settings(broker, request):
    name = request.node.name.replace("[", "-").replace("]", "")
    return Settings(kafka_bootstrap=broker, kafka_topic=name, kafka_group=name)


@pytest.fixture
def here(settings):
    sender = Sender(settings, Payloads(settings), "tests")
    places = [sender.send(settings.kafka_topic, b"an order", b"1") for _ in range(3)]
    sender.close()
    assert [place.offset for place in places] == [0, 1, 2]
    return places[0].partition


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def lag(settings, stop):
    return ConsumerLag(settings, stop)


def soon(seconds=0.1):
    return time.monotonic() + seconds


def test_nothing_waits_once_the_last_record_is_processed(lag, here):
    lag.mark_processed(here, 2)

    assert lag.wait_processed(None, soon()) == 0


@pytest.mark.parametrize(("processed", "waiting"), [(None, 3), (0, 2)])
def test_unprocessed_records_are_counted_at_the_deadline(lag, here, processed, waiting):
    lag.add_assigned([TopicPartition("any", here)])
    if processed is not None:
        lag.mark_processed(here, processed)

    assert lag.wait_processed(None, soon()) == waiting
    assert lag.read() == {here: waiting}


def test_partitions_that_are_assigned_one_after_another_stay(lag):
    lag.add_assigned([TopicPartition("any", 0, 5)])
    lag.add_assigned([TopicPartition("any", 1, 7)])

    assert lag.partitions == [0, 1]
    lag.remove_revoked([TopicPartition("any", 0)])
    assert lag.partitions == [1]


def test_only_the_offsets_that_are_asked_for_are_waited_for(lag, here):
    lag.mark_processed(here, 0)

    assert lag.wait_processed({here: 1}, soon(30)) == 0
    assert lag.wait_processed({}, soon(30)) == 0
    assert lag.wait_processed({here: 2}, soon()) == 1


def test_a_record_that_is_processed_meanwhile_ends_the_wait(lag, here):
    lag.add_assigned([TopicPartition("any", here)])
    threading.Timer(0.1, lag.mark_processed, (here, 2)).start()
    began = time.monotonic()

    assert lag.wait_processed(None, soon(30)) == 0
    assert time.monotonic() - began < 10


def test_commits_of_the_group_count_for_another_replicas_partitions(lag, settings, here):
    other = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": settings.kafka_group})
    other.commit(offsets=[TopicPartition(settings.kafka_topic, here, 3)], asynchronous=False)
    other.close()

    assert lag.wait_processed(None, soon(10)) == 0


def test_a_process_that_stops_does_not_wait(lag, here, stop):
    stop.set()

    assert lag.wait_processed({here: 3}, soon(30)) == 3
