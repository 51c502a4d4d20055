"""The consumer's membership in its group."""

import logging
import threading
from collections.abc import Callable, Iterable

from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, KafkaException, TopicPartition

from stock_updater.lag import ConsumerLag
from stock_updater.positions import Positions
from stock_updater.retryable import backoff_s
from vshop.kit.kafka.connection import client_properties
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)

# Nothing was processed, or the group was lost with its broker: the table stores the offsets too.
_NOTHING_TO_COMMIT = {"_NO_OFFSET", "_ASSIGNMENT_LOST"}


class Membership:
    """Joins and leaves the group."""

    def __init__(self, settings: Settings, positions: Positions, lag: ConsumerLag, stop: threading.Event) -> None:
        """The client joins in :meth:`subscribe`."""
        self._topic = settings.kafka_topic
        self._positions = positions
        self._lag = lag
        self._stop = stop
        self.joined = threading.Event()
        self.on_partitions_gone: Callable[[Iterable[int]], None] = lambda _partitions: None
        self._properties = _consumer_properties(settings)
        is_cooperative = "cooperative" in str(self._properties.get("partition.assignment.strategy"))
        self._is_incremental = is_cooperative or self._properties.get("group.protocol") == "consumer"
        self.consumer = self._make_client()

    def _make_client(self) -> Consumer:
        return Consumer(self._properties, logger=logging.getLogger("librdkafka"))

    def subscribe(self) -> None:
        """Join the group, in the next polls."""
        self.consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke)

    def rejoin(self) -> None:
        """Join again with a new client: the old one may get nothing from a topic that was created again."""
        self.consumer.close()
        self.consumer = self._make_client()
        self.subscribe()

    def check(self) -> str:
        """Return the assigned partitions: a readiness check. Raises LookupError before the consumer has joined."""
        if not self.joined.is_set():
            raise LookupError("not in its consumer group yet")
        return f"partitions {self._lag.partitions}"

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        starts = self._read_starts(consumer, partitions)
        if self._is_incremental:
            consumer.incremental_assign(starts)
        else:
            consumer.assign(starts)
        log.info("assigned %s", sorted(part.partition for part in starts))
        self._lag.add_assigned(starts)
        self.joined.set()

    def _read_starts(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        attempt = 0
        while partitions and not self._stop.is_set():
            try:
                return self._positions.start(consumer, partitions)
            except (KafkaException, BotoCoreError, ClientError) as error:
                log.warning("the start on %d partitions cannot be read: %s", len(partitions), error)
                self._stop.wait(backoff_s(attempt))
                attempt += 1
        return []

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("revoked %s", sorted(part.partition for part in partitions))
        self._lag.remove_revoked(partitions)
        self.on_partitions_gone([part.partition for part in partitions])
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].name() not in _NOTHING_TO_COMMIT:
                log.warning("commit of revoked partitions failed: %s", error)
        self._positions.remove(partitions)


def _consumer_properties(settings: Settings) -> dict[str, str | int | bool]:
    return {
        **client_properties(settings),
        "group.id": settings.kafka_group,
        "client.id": "stock-updater",
        "enable.auto.commit": False,
        "enable.partition.eof": True,  # the end may be a transaction's control record, which is never delivered
        "enable.auto.offset.store": False,  # otherwise the commit at a rebalance would include the record in progress
        "auto.offset.reset": "earliest",
        # A record may be in progress for this long.
        "max.poll.interval.ms": int(settings.outage_patience_s * 1000) + 30_000,
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 1500,
        "reconnect.backoff.max.ms": 500,
        "fetch.wait.max.ms": 100,
        "topic.metadata.refresh.interval.ms": 10_000,  # new partitions would be noticed after five minutes
        "log_level": 2,
    }
