"""librdkafka's mock broker: https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h."""

import contextlib
import ctypes
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

_PRODUCE = 0


class MockBroker:
    def __init__(self, round_trip_ms: int = 0) -> None:
        mock = {"test.mock.num.brokers": 1, "test.mock.broker.rtt": round_trip_ms}
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
