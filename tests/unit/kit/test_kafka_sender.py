import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import KafkaError, Producer

from tests.unit.mock_broker import MockBroker
from vshop.kit.kafka.sender import DeliveryError, Sender
from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads


@pytest.fixture
def mock_broker() -> MockBroker:
    return MockBroker(round_trip_ms=100)


@pytest.fixture
def sender(mock_broker):
    settings = Settings(kafka_bootstrap=mock_broker.address)
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
def test_a_refused_record_before_an_accepted_one_is_sent_again(mock_broker, sender, error):
    mock_broker.refuse_next_record(error)

    acknowledged = send_some(sender)

    assert acknowledged == {b"%d" % number for number in range(1, 9)}
    assert sorted(mock_broker.records("orders")) == [b"%d" % number for number in range(9)]


def test_a_delivery_without_an_offset_is_not_acknowledged(mock_broker, sender):
    """By default, librdkafka has several requests under way, and infers the delivery of one from a later one."""
    sender._producer = Producer({"bootstrap.servers": mock_broker.address, "enable.idempotence": True, "linger.ms": 0})
    sender.send("orders", b"0", b"1")
    mock_broker.refuse_next_record(KafkaError.UNKNOWN_TOPIC_OR_PART)

    acknowledged = send_some(sender)

    assert len(acknowledged) < 8
    assert acknowledged <= set(mock_broker.records("orders"))


def test_a_producer_with_a_fatal_error_is_replaced(mock_broker, sender, eventually):
    """As after a loss of Kafka's data: the sequence numbers of broker and producer differ, and librdkafka ends in a fatal error."""
    failed = sender._producer
    mock_broker.refuse_next_record(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
    with pytest.raises(DeliveryError) as caught:
        sender.send("orders", b"1", b"1")
    assert caught.value.refused is False

    eventually(lambda: sender._producer is not failed)
    sender.send("orders", b"2", b"1")

    assert sorted(mock_broker.records("orders")) == [b"0", b"2"]
