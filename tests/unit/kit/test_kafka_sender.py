"""With librdkafka's mock broker: https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h."""

import contextlib
import ctypes
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from vshop.kit.kafka.sender import DeliveryError, Sender
from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads

_PRODUCE, _ROUND_TRIP_MS = 0, 100


class MockBroker:
    def __init__(self) -> None:
        mock = {"test.mock.num.brokers": 1, "test.mock.broker.rtt": _ROUND_TRIP_MS}
        self._owner = Producer({"bootstrap.servers": "unused:1", "log_level": 0, **mock})
        (self.address,) = [f"{found.host}:{found.port}" for found in self._owner.list_topics(timeout=5).brokers.values()]

    def refuse_next_record(self, error: int) -> None:
        """confluent-kafka does not offer librdkafka's function."""
        package = Path(confluent_kafka.__file__).parent
        found = [*package.with_name("confluent_kafka.libs").glob("librdkafka*"), *package.glob(".dylibs/librdkafka*")]
        if not found:
            pytest.skip("confluent-kafka was built with the system's librdkafka")
        librdkafka = ctypes.CDLL(str(found[0]))
        librdkafka.rd_kafka_handle_mock_cluster.restype = ctypes.c_void_p
        client = ctypes.c_void_p.from_address(id(self._owner) + object.__basicsize__)
        cluster = ctypes.c_void_p(librdkafka.rd_kafka_handle_mock_cluster(client))
        librdkafka.rd_kafka_mock_push_request_errors(cluster, ctypes.c_int16(_PRODUCE), ctypes.c_size_t(1), ctypes.c_int(error))

    def records(self, topic: str) -> list[bytes | None]:
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "test", "enable.partition.eof": True})
        with contextlib.closing(consumer):
            left = set(consumer.list_topics(topic, 10).topics[topic].partitions)
            consumer.assign([TopicPartition(topic, partition, 0) for partition in left])
            records = []
            while left:
                message = consumer.poll(10)
                assert message is not None
                if message.error():
                    left.remove(message.partition())
                else:
                    records.append(message.value())
        return records


@pytest.fixture
def broker() -> MockBroker:
    return MockBroker()


@pytest.fixture
def sender(broker):
    settings = Settings(kafka_bootstrap=broker.address)
    with contextlib.closing(Sender(settings, Payloads(settings), "orders")) as sender:
        sender.send("orders", b"0", b"1")  # creates the topic
        yield sender


def send_some(sender: Sender) -> set[bytes]:
    """Send records at once, and return those that were acknowledged."""

    def send(value: bytes) -> bytes:
        with contextlib.suppress(DeliveryError):
            return sender.send("orders", value, b"1").value or b""
        return b""

    with ThreadPoolExecutor(8) as executor:
        return set(executor.map(send, [b"%d" % number for number in range(1, 9)])) - {b""}


# A partition that is being created, and one whose leader moves.
@pytest.mark.parametrize("error", [KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.NOT_LEADER_FOR_PARTITION])
def test_a_refused_record_before_an_accepted_one_is_sent_again(broker, sender, error):
    broker.refuse_next_record(error)

    acknowledged = send_some(sender)

    assert acknowledged == {b"%d" % number for number in range(1, 9)}
    assert sorted(broker.records("orders")) == [b"%d" % number for number in range(9)]


def test_an_acknowledgement_without_an_offset_is_none(broker, sender):
    """As librdkafka's defaults produce it: with several requests under way, it concludes the acknowledgement from a later one."""
    sender._producer = Producer({"bootstrap.servers": broker.address, "enable.idempotence": True, "linger.ms": 0})
    sender.send("orders", b"0", b"1")
    broker.refuse_next_record(KafkaError.UNKNOWN_TOPIC_OR_PART)

    acknowledged = send_some(sender)

    assert len(acknowledged) < 8
    assert acknowledged <= set(broker.records("orders"))


def test_a_producer_that_failed_for_good_is_replaced(broker, sender):
    """As after a loss of Kafka's data: the sequence numbers of broker and producer differ, and librdkafka ends in a fatal error."""
    failed = sender._producer
    broker.refuse_next_record(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
    with pytest.raises(DeliveryError) as caught:
        sender.send("orders", b"1", b"1")
    assert caught.value.refused is False

    while sender._producer is failed:
        time.sleep(0.01)
    sender.send("orders", b"2", b"1")

    assert sorted(broker.records("orders")) == [b"0", b"2"]
