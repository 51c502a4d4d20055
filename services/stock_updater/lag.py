"""How far stock-updater is behind, asked from the broker on a connection of its own.

confluent-kafka lets one thread at a time use a consumer, and polling takes most of it; a consumer that stands still
must be seen to stand still, so the one who looks may not need it.
"""

from confluent_kafka import Consumer, TopicPartition

from vshop.kit.kafka_connection import connection
from vshop.kit.settings import Settings


class Lag:
    """Knows which partitions are assigned and which record is next in each, and compares that with the topic's end."""

    def __init__(self, settings: Settings) -> None:
        """Args: settings: ``kafka_bootstrap``, ``kafka_group`` and ``kafka_topic`` are read. Never joins the group."""
        self._topic = settings.kafka_topic
        self._next: dict[int, int | None] = {}  # partition -> next offset; None until the first record is handled
        self._observer = Consumer(
            {
                **connection(settings),
                "group.id": settings.kafka_group,
                "enable.auto.commit": False,
                "log_level": 2,
            }
        )

    @property
    def partitions(self) -> list[int]:
        """The partitions assigned at the moment."""
        return sorted(self._next)

    def next_offsets(self) -> dict[int, int | None]:
        """Return, by assigned partition, the record that is handled next; None until the first one is."""
        return dict(self._next)

    def assigned(self, partitions: list[TopicPartition]) -> None:
        """Note what the group's assignment is."""
        self._next = dict.fromkeys(part.partition for part in partitions)

    def revoked(self, partitions: list[TopicPartition]) -> None:
        """Note what was taken away."""
        gone = {part.partition for part in partitions}
        self._next = {partition: offset for partition, offset in self._next.items() if partition not in gone}

    def handled(self, partition: int, offset: int) -> None:
        """Note a handled record."""
        self._next[partition] = offset + 1

    def read(self) -> dict[int, int]:
        """Return, by assigned partition, how many records are still to be handled.

        Raises:
            KafkaException: the broker did not answer within a second.
        """
        known = dict(self._next)
        fresh = [TopicPartition(self._topic, partition) for partition, offset in known.items() if offset is None]
        committed = {part.partition: part.offset for part in self._observer.committed(fresh, timeout=1)} if fresh else {}
        lags = {}
        for partition, offset in known.items():
            low, high = self._observer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=1)
            at = committed.get(partition, low) if offset is None else offset
            lags[partition] = high - max(at, low)  # a negative offset says that nothing was committed yet
        return lags
