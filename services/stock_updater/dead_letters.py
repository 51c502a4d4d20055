"""The dead-letter topic."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from stock_updater.dead_letter_record import (
    RECORD_ID,
    describe,
    halve_value,
    keep_summary,
    original_context,
    record_id,
    replay_headers,
    to_dead_letter,
)
from stock_updater.item import StockItem
from stock_updater.table import StockTable
from vshop.kit.kafka.connection import client_properties, dead_letter_topic
from vshop.kit.kafka.context import use_context
from vshop.kit.kafka.record import Record, to_record
from vshop.kit.kafka.sender import DeliveryError, Sender
from vshop.kit.order import InvalidRecordError, decode_record
from vshop.kit.settings import Settings

_READ_TIMEOUT_S = 5.0
_TOO_LARGE = {"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"}


class DeadLetterNotFoundError(LookupError):
    """There is no dead letter with this id."""


class DeadLetters:
    """Writes, lists and replays dead letters."""

    def __init__(self, settings: Settings, sender: Sender, table: StockTable) -> None:
        self._settings = settings
        self._topic = dead_letter_topic(settings)
        self._sender = sender
        self._table = table
        self._reading = threading.Lock()
        self._consumer: Consumer | None = None

    def write(self, record: Record, error: BaseException) -> None:
        """Send a record to the dead-letter topic, cut if it gets too large. Raises DeliveryError: do not commit the record."""
        dead_letter = to_dead_letter(record, error)
        smallest = keep_summary(dead_letter)
        for smaller in (dead_letter, halve_value(dead_letter), smallest):
            try:
                self._sender.send(self._topic, smaller.value, smaller.key, smaller.headers)
            except DeliveryError as refusal:
                # The record fitted its topic, but not with dlq.* headers. Retries would block the partition.
                if refusal.error_type not in _TOO_LARGE or smaller is smallest:
                    raise
            else:
                return

    def all(self) -> list[dict[str, Any]]:
        """Return all dead letters, oldest first; ``handled``: the order is in the stock."""
        dead_letters = self._read()
        items = {item.id: item for item in self._table.all()} if dead_letters else {}
        return [{**describe(dead_letter), "handled": _is_handled(dead_letter, items.get)} for dead_letter in dead_letters]

    def show(self, dead_letter_id: str) -> dict[str, Any]:
        """Return one with all its headers. Raises DeadLetterNotFoundError."""
        dead_letter = self._find(dead_letter_id)
        headers = {name: dead_letter.header(name) for name, _ in dead_letter.headers}
        return {**describe(dead_letter), "handled": _is_handled(dead_letter, self._table.get), "headers": headers}

    def replay(self, dead_letter_id: str) -> dict[str, Any]:
        """Send a dead letter back to the topic of new orders, in the order's trace; return its place.

        ``replayed`` is False if it is in the stock already. Raises DeadLetterNotFoundError, InvalidRecordError or DeliveryError.
        """
        dead_letter = self._find(dead_letter_id)
        decode_record(dead_letter.value)
        if _is_handled(dead_letter, self._table.get):
            return {"id": dead_letter_id, "replayed": False, "partition": None, "offset": None}
        with use_context(original_context(dead_letter)):
            sent = self._sender.send(self._settings.kafka_topic, dead_letter.value, dead_letter.key, replay_headers(dead_letter))
        return {"id": dead_letter_id, "replayed": True, "partition": sent.partition, "offset": sent.offset}

    def remove_all(self) -> int:
        """Delete all and return their number. Raises KafkaException."""
        dead_letters = self._read()
        ends = {dead_letter.partition: dead_letter.offset + 1 for dead_letter in dead_letters}
        if ends:
            admin = AdminClient({**client_properties(self._settings), "log_level": 0})
            places = [TopicPartition(self._topic, partition, end) for partition, end in ends.items()]
            for removed in admin.delete_records(places, request_timeout=_READ_TIMEOUT_S).values():
                removed.result()
        return len(dead_letters)

    def _find(self, dead_letter_id: str) -> Record:
        match = RECORD_ID.fullmatch(dead_letter_id)
        found = self._read((int(match[1]), int(match[2]))) if match else []
        if not found or record_id(found[0]) != dead_letter_id:
            raise DeadLetterNotFoundError(f"There is no dead letter {dead_letter_id!r}; GET /dlq lists them.")
        return found[0]

    def _read(self, only: tuple[int, int] | None = None) -> list[Record]:
        with self._reading:
            consumer = self._consumer = self._consumer or self._connect()
            try:
                return self._read_all(consumer, only)
            except KafkaException:
                self._consumer = None  # the next read connects again
                raise
            finally:
                consumer.unassign()  # else it would fetch in the background
                consumer.poll(0)  # an agent ends the span of the last record here, in the thread that began it

    def _connect(self) -> Consumer:
        """Kept: connecting takes 60 ms, reading a few records 3 ms."""
        return Consumer(
            {
                **client_properties(self._settings),
                "group.id": "dlq-reader",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                # With librdkafka's defaults, a second read waits half a second.
                "fetch.wait.max.ms": 5,
                "fetch.queue.backoff.ms": 10,
                "fetch.error.backoff.ms": 10,
                "log_level": 0,
            }
        )

    def _read_all(self, consumer: Consumer, only: tuple[int, int] | None) -> list[Record]:
        partitions = consumer.list_topics(self._topic, _READ_TIMEOUT_S).topics[self._topic].partitions
        dead_letters: list[Record] = []
        for partition in partitions if only is None else partitions.keys() & {only[0]}:
            offsets = range(*consumer.get_watermark_offsets(TopicPartition(self._topic, partition), _READ_TIMEOUT_S))
            if only is not None:
                offsets = range(only[1], only[1] + 1) if only[1] in offsets else range(0)
            dead_letters += self._read_partition(consumer, partition, offsets)
        return dead_letters

    def _read_partition(self, consumer: Consumer, partition: int, offsets: range) -> Iterator[Record]:
        at = offsets.start
        if offsets:
            consumer.assign([TopicPartition(self._topic, partition, at)])
        while at < offsets.stop:
            message = consumer.poll(_READ_TIMEOUT_S)
            if message is not None and (kafka_error := message.error()) and kafka_error.name() == "_PARTITION_EOF":
                return  # the rest are control records or aborted records
            if message is None or message.error():
                raise KafkaException(
                    message.error() if message else f"nothing read from {self._topic} within {_READ_TIMEOUT_S:g} s"
                )
            dead_letter = to_record(message)
            at = dead_letter.offset + 1
            yield dead_letter


def _is_handled(dead_letter: Record, item_of: Callable[[str], StockItem | None]) -> bool:
    try:
        order = decode_record(dead_letter.value)
    except InvalidRecordError:
        return False
    item = item_of(str(order.item_id))
    return item is not None and item.remembers(order.order_id)
