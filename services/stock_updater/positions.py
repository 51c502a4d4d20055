"""The table's position on each partition: where the consumer starts, and when it must start again (docs/delivery.md).

tests/unit/stock_updater/test_delivery_model.py checks the rules exhaustively.
"""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, KafkaException, TopicPartition

from stock_updater.item import RecordPosition, TablePosition
from stock_updater.table import StockTable
from vshop.kit.kafka.record import Record

log = logging.getLogger(__name__)

_SAVE_EVERY_S = 1.0
_TIMEOUT_S = 5.0
_LOST_TABLE = (
    "the table has none of its orders, but the group has committed {}: the table was lost, so all records are processed again."
)


class Start(NamedTuple):
    """Where to start, and what an operator has to know."""

    position: TablePosition
    error: str = ""


def choose_start(stored: TablePosition | None, topic_id: str, committed: int | None, low: int, high: int) -> Start:
    """Return where to start: the smaller of the table's position and the group's committed offset.

    ``stored`` is None for a new table, or an older version's. ``topic_id`` may be empty: unknown. ``committed`` is None if there is
    none, or if it does not count, because the table is empty. ``low`` and ``high`` are the partition's first offset and end.
    """
    if stored is None:
        offset = low if committed is None else max(committed, low)
        if offset <= high:
            return Start(TablePosition(topic_id, "", offset))
        # An unknown log: offsets in the table are of another one.
        lost = f"it ends at {high}, but the group has committed {committed}"
        return Start(TablePosition(topic_id, f"{topic_id}-{committed}-{high}", low), f"{lost}. Its records are new orders.")
    if topic_id and stored.topic_id and stored.topic_id != topic_id:
        error = f"the topic was created again: its id was {stored.topic_id} and is {topic_id}. Its records are new orders."
        return Start(TablePosition(topic_id, topic_id, low), error)
    if high < stored.offset:
        error = f"it ends at {high}, but the table has read up to {stored.offset}: Kafka lost records. The others are new orders."
        return Start(TablePosition(topic_id, f"{topic_id}-{stored.offset}-{high}", low), error)
    offset = stored.offset if committed is None else min(committed, stored.offset)
    error = f"{low - offset} records were deleted before they were read" if offset < low and stored.offset < low else ""
    return Start(TablePosition(topic_id or stored.topic_id, stored.log_id, max(offset, low)), error)


class _Progress(msgspec.Struct):
    position: TablePosition
    reread_below: int
    saved: TablePosition | None


class Positions:
    """Follows the assigned partitions, from the consumer's thread."""

    def __init__(self, table: StockTable, topic_id: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._read_topic_id = topic_id
        self._clock = clock
        self._next_save = 0.0
        self._partitions: dict[int, _Progress] = {}
        self._looks = 0
        self._forgotten = set[int]()

    def start(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the partitions with the offsets at which to start. Raises KafkaException, BotoCoreError or ClientError."""
        left = list(partitions)
        while left:
            # The table first: a position that another consumer stores meanwhile would be above an old end, as if records were lost.
            stored = {part.partition: self._table.read_position(part.partition) for part in left}
            topic_id = self._read_topic_id()
            read = [(part, *self._bounds(consumer, part)) for part in consumer.committed(left, timeout=_TIMEOUT_S)]
            if self._read_topic_id() == topic_id:
                left = [part for part, low, high in read if not self._begin(part, low, high, stored[part.partition], topic_id)]
        self._next_save = self._clock() + _SAVE_EVERY_S
        return [TopicPartition(part.topic, part.partition, self._partitions[part.partition].position.offset) for part in partitions]

    def _bounds(self, consumer: Consumer, part: TopicPartition) -> tuple[int, int]:
        if part.error is not None:
            raise KafkaException(part.error)
        low, high = consumer.get_watermark_offsets(part, timeout=_TIMEOUT_S)
        return low, high

    def _begin(self, part: TopicPartition, low: int, high: int, stored: TablePosition | None, topic_id: str) -> bool:
        committed = part.offset if part.offset >= 0 else None
        is_empty = stored is None and not self._table.has_order_of(part.partition)
        chosen = choose_start(stored, topic_id, None if is_empty else committed, low, high)
        if is_empty and committed is not None and committed > low:
            chosen = chosen._replace(error=_LOST_TABLE.format(committed))
        if chosen.position != stored and not self._table.write_position(part.partition, chosen.position, seen=stored):
            return False
        is_same_log = is_empty or (stored is not None and stored.log_id == chosen.position.log_id)
        reread_below = min(committed or 0, high) if is_same_log else 0
        self._partitions[part.partition] = _Progress(chosen.position, reread_below, chosen.position)
        self._forgotten.discard(part.partition)
        _report(part, chosen, committed)
        return True

    def of(self, record: Record, replay_of: str | None) -> RecordPosition:
        """Return a record's position for the exactly-once rule."""
        progress = self._partitions.get(record.partition)
        return RecordPosition(record.partition, record.offset, replay_of, progress.position.log_id if progress else "")

    def is_repeated(self, record: Record) -> bool:
        """Return whether Kafka delivers offsets again without a new assignment: the topic may be another one."""
        progress = self._partitions.get(record.partition)
        return progress is not None and record.offset < progress.position.offset

    def is_reread(self, record: Record) -> bool:
        """Return whether the group had committed the record before this process started."""
        progress = self._partitions.get(record.partition)
        return progress is not None and record.offset < progress.reread_below

    def advance(self, record: Record, *, at_once: bool = False) -> None:
        """Note that a record is done. ``at_once`` if no item shows that, so that a restart does not process it again."""
        progress = self._partitions.get(record.partition)
        if progress is not None:
            progress.position = progress.position._replace(offset=record.offset + 1)
            self._next_save = 0 if at_once else self._next_save

    def is_topic_replaced(self) -> bool:
        """Return whether the topic has another id. False while Kafka does not answer."""
        known = {progress.position.topic_id for progress in self._partitions.values()} - {""}
        if not known:
            return False
        try:
            topic_id = self._read_topic_id()
        except KafkaException as error:
            log.info("the topic's id cannot be read: %s", error)
            return False
        return bool(topic_id) and topic_id not in known

    def is_due(self) -> bool:
        """Return whether to look and save again: each second, even if nothing was read.

        A consumer that was ahead of a topic which is created again gets no records and no error from librdkafka.
        """
        return bool(self._partitions) and self._clock() >= self._next_save

    def save(self) -> bool:
        """Store what has changed; return False if the table was rolled back, or the partition moved.

        A failure is tried again later: an old position costs only reading again.
        """
        self._next_save = self._clock() + _SAVE_EVERY_S
        for partition, progress in self._partitions.items():
            if progress.saved == progress.position:
                continue
            try:
                if not self._table.write_position(partition, progress.position, seen=progress.saved):
                    log.warning("the table's position on partition %d is not what this consumer wrote", partition)
                    return False
            except (BotoCoreError, ClientError) as error:
                log.info("the table's position could not be stored: %s", error)  # it is written again a second later
                return True
            progress.saved = progress.position
        return self._is_one_as_it_was_left()

    def _is_one_as_it_was_left(self) -> bool:
        """Another one's each time: without new records, nothing else notices a rollback."""
        if not self._partitions:
            return True
        self._looks += 1
        partition = sorted(self._partitions)[self._looks % len(self._partitions)]
        try:
            found = self._table.read_position(partition)
        except (BotoCoreError, ClientError) as error:
            log.info("the table's position could not be read: %s", error)
            return True
        saved = self._partitions[partition].saved
        if found != saved:
            log.warning("the table's position on partition %d was %s and is %s", partition, saved, found)
        return found == saved

    def remove(self, partitions: list[TopicPartition]) -> None:
        """Store the positions, and forget revoked partitions."""
        if any(progress.saved != progress.position for progress in self._partitions.values()):
            self.save()
        for part in partitions:
            self._partitions.pop(part.partition, None)

    def forget(self) -> None:
        """Forget all without storing: the table was rolled back, or the topic is another one."""
        self._forgotten |= self._partitions.keys()
        self._partitions.clear()

    def is_forgotten(self, record: Record) -> bool:
        """Return whether the record's partition was forgotten and not assigned again: it will be delivered again."""
        return record.partition in self._forgotten


def _report(part: TopicPartition, chosen: Start, committed: int | None) -> None:
    if chosen.error:
        log.error("partition %d of %s: %s", part.partition, part.topic, chosen.error)
    elif committed is not None and chosen.position.offset < committed:
        log.info(
            "partition %d: the table's position is %d and the committed offset %d; the records between are compared with the table",
            part.partition,
            chosen.position.offset,
            committed,
        )
