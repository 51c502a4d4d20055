"""The consumer lag: how many records are not processed yet.

A separate connection reads it: a consumer that has stopped polling must still show its lag.
"""

import threading
import time
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from vshop.kit.kafka.connection import client_properties
from vshop.kit.settings import Settings

_TIMEOUT_S = 1.0
_OTHERS_EVERY_S = 0.02
"""To read other replicas' commits."""


class ConsumerLag:
    """Compares each partition's next offset with its end. Methods raise KafkaException."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        """The connection never joins the group. ``stop`` ends every wait."""
        self._stop = stop
        self._topic = settings.kafka_topic
        self._group = settings.kafka_group
        self._next: dict[int, int | None] = {}  # partition -> next offset; None until the first record is processed
        self._processed = threading.Condition()
        properties = {"group.id": settings.kafka_group, "enable.auto.commit": False, "log_level": 0}
        self._observer = Consumer({**client_properties(settings), **properties})
        self._observing = threading.Lock()

    @property
    def partitions(self) -> list[int]:
        """The partitions that are assigned to this process."""
        return sorted(self._next)

    def observe(self) -> None:
        """Report the lag as a gauge from now on."""
        meter = metrics.get_meter("stock_updater")
        meter.create_observable_gauge("shop.consumer.lag", [self._observations], "{message}", "Records not handled yet")

    def _observations(self, _options: CallbackOptions) -> Iterable[Observation]:
        attributes = {"messaging.destination.name": self._topic, "messaging.consumer.group.name": self._group}
        try:
            lags = self.read()
        except (KafkaException, RuntimeError):  # the broker is away, or the consumer is closed: nothing to report
            return []
        return [Observation(count, {**attributes, "messaging.destination.partition.id": str(part)}) for part, count in lags.items()]

    def add_assigned(self, partitions: list[TopicPartition]) -> None:
        """Add partitions with the offsets at which they start."""
        self._next = self._next | {part.partition: part.offset if part.offset >= 0 else None for part in partitions}

    def remove_revoked(self, partitions: list[TopicPartition]) -> None:
        """Remove partitions that were revoked."""
        gone = {part.partition for part in partitions}
        self._next = {partition: offset for partition, offset in self._next.items() if partition not in gone}

    def mark_processed(self, partition: int, offset: int) -> None:
        """Note that a record is processed: its span has ended, its counts are final."""
        with self._processed:
            self._next[partition] = offset + 1
            self._processed.notify_all()

    def skip_to(self, partition: int, end: int) -> bool:
        """Note that nothing is left before a partition's end. Returns whether more than records were skipped."""
        skipped = (self._next.get(partition) or 0) < end
        if skipped and partition in self._next:
            self.mark_processed(partition, end - 1)
        return skipped

    def read(self) -> dict[int, int]:
        """Return the number of unprocessed records by assigned partition."""
        own = dict(self._next)
        bounds = {number: self._watermarks(number) for number in own}
        reached = self._reached(own)
        return {number: high - max(reached[number], low) for number, (low, high) in bounds.items()}

    def wait_processed(self, offsets: Mapping[int, int] | None, deadline: float) -> int:
        """Wait until the group has reached the offsets by partition, or the topic's end; return how many are missing then."""
        ends = dict(offsets) if offsets is not None else self._ends()
        begins: dict[int, int] = {}
        while True:
            own = {number: self._next.get(number) for number in ends}
            unknown = [number for number, offset in own.items() if offset is None and number not in begins]
            begins |= {number: self._watermarks(number)[0] for number in unknown}
            reached = self._reached(own)
            waiting = sum(max(0, end - max(reached[number], begins.get(number, 0))) for number, end in ends.items())
            left = deadline - time.monotonic()
            if not waiting or left <= 0 or self._stop.is_set():
                return waiting
            with self._processed:
                if all(self._next.get(number) == offset for number, offset in own.items()):
                    self._processed.wait(min(_OTHERS_EVERY_S, left))

    def _ends(self) -> dict[int, int]:
        with self._observing:
            partitions = self._observer.list_topics(self._topic, _TIMEOUT_S).topics[self._topic].partitions
        return {number: self._watermarks(number)[1] for number in partitions}

    def _watermarks(self, partition: int) -> tuple[int, int]:
        with self._observing:
            low, high = self._observer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_TIMEOUT_S)
            return low, high

    def _reached(self, own: Mapping[int, int | None]) -> dict[int, int]:
        unknown = [TopicPartition(self._topic, number) for number, offset in own.items() if offset is None]
        known = {number: offset for number, offset in own.items() if offset is not None}
        if not unknown:
            return known
        with self._observing:
            committed = self._observer.committed(unknown, timeout=_TIMEOUT_S)
        return known | {part.partition: part.offset for part in committed}  # negative where nothing was committed
