"""The dead-letter topic. A dead letter is the record, with its error in ``dlq.*`` headers."""

import re
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from opentelemetry import trace

from stock_updater.item import StockItem
from stock_updater.table import StockTable
from vshop.kit.chaos.baggage import HEADERS, remove_incidents
from vshop.kit.kafka.connection import client_properties, dead_letter_topic
from vshop.kit.kafka.record import Headers, Record, extract_span_context, is_context_header, to_record, use_context
from vshop.kit.kafka.sender import DeliveryError, Sender
from vshop.kit.order import InvalidRecordError, decode_record
from vshop.kit.settings import Settings
from vshop.kit.telemetry.errors import error_type

REPLAY_OF = "dlq.replay-of"
_PREFIX = "dlq."
_RECORD_ID = re.compile(r"([0-9]{1,10})-([0-9]{1,19})")
_SUMMARY_BYTES = 8192
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
        dead_letter = _to_dead_letter(record, error)
        smallest = _keep_summary(dead_letter)
        for smaller in (dead_letter, _halve_value(dead_letter), smallest):
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
        return [_describe(dead_letter, items.get) for dead_letter in dead_letters]

    def show(self, dead_letter_id: str) -> dict[str, Any]:
        """Return one with all its headers. Raises DeadLetterNotFoundError."""
        dead_letter = self._find(dead_letter_id)
        headers = {name: dead_letter.header(name) for name, _ in dead_letter.headers}
        return {**_describe(dead_letter, self._table.get), "headers": headers}

    def replay(self, dead_letter_id: str) -> dict[str, Any]:
        """Send a dead letter back to the topic of new orders, in the order's trace; return its place.

        ``replayed`` is False if it is in the stock already. Raises DeadLetterNotFoundError, InvalidRecordError or DeliveryError.
        """
        dead_letter = self._find(dead_letter_id)
        decode_record(dead_letter.value)
        if _is_handled(dead_letter, self._table.get):
            return {"id": dead_letter_id, "replayed": False, "partition": None, "offset": None}
        headers = [*_producer_headers(dead_letter), (REPLAY_OF, original_record_id(dead_letter).encode())]
        with use_context(_original_context(dead_letter)):
            sent = self._sender.send(self._settings.kafka_topic, dead_letter.value, dead_letter.key, headers)
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
        match = _RECORD_ID.fullmatch(dead_letter_id)
        found = self._read((int(match[1]), int(match[2]))) if match else []
        if not found or record_id(found[0]) != dead_letter_id:
            raise DeadLetterNotFoundError(f"There is no dead letter {dead_letter_id!r}; GET /dlq lists them.")
        return found[0]

    def _read(self, only: tuple[int, int] | None = None) -> list[Record]:
        with self._reading:
            consumer = self._consumer = self._consumer or self._connect()
            try:
                return list(self._read_topic(consumer, only))
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

    def _read_topic(self, consumer: Consumer, only: tuple[int, int] | None) -> Iterator[Record]:
        for partition in consumer.list_topics(self._topic, _READ_TIMEOUT_S).topics[self._topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), _READ_TIMEOUT_S)
            if only is None:
                yield from self._read_partition(consumer, partition, low, high)
            elif only[0] == partition and low <= only[1] < high:
                yield from self._read_partition(consumer, partition, only[1], only[1] + 1)

    def _read_partition(self, consumer: Consumer, partition: int, at: int, end: int) -> Iterator[Record]:
        if at < end:
            consumer.assign([TopicPartition(self._topic, partition, at)])
        while at < end:
            message = consumer.poll(_READ_TIMEOUT_S)
            if message is None:
                raise KafkaException(f"nothing read from {self._topic} within {_READ_TIMEOUT_S:g} s")
            if (error := message.error()) and error.name() == "_PARTITION_EOF":
                return  # the rest are control records or aborted records
            if error:
                raise KafkaException(error)
            dead_letter = to_record(message)
            at = dead_letter.offset + 1
            yield dead_letter


def replay_of(record: Record) -> str | None:
    """Return the id of the record that this one replays, or None. The item would keep a malformed id, so it is ignored."""
    found = record.header(REPLAY_OF)
    return found if found and _RECORD_ID.fullmatch(found) else None


def record_id(record: Record) -> str:
    """Return ``partition-offset``."""
    return f"{record.partition}-{record.offset}"


def original_record_id(dead_letter: Record) -> str:
    """Return the id of the record that failed first; its redeliveries and replays share it."""
    failed = f"{dead_letter.header('dlq.partition')}-{dead_letter.header('dlq.offset')}"
    return replay_of(dead_letter) or (failed if _RECORD_ID.fullmatch(failed) else record_id(dead_letter))


def _to_dead_letter(record: Record, error: BaseException) -> Record:
    # The sender injects the context of this hop, so the order's own context moves to dlq.* headers, without the incident in its
    # baggage: a replay must not trigger it again.
    moved = [
        (f"dlq.{name}", remove_incidents(value.decode(errors="replace")).encode() if name == "baggage" else value)
        for name, value in record.headers
        if is_context_header(name) and name.lower() not in HEADERS
    ]
    facts = {
        "dlq.error.type": error_type(error),
        "dlq.error.message": str(error),
        "dlq.error.stacktrace": "".join(traceback.format_exception(error)),
        "dlq.topic": record.topic,
        "dlq.partition": record.partition,
        "dlq.offset": record.offset,
    } | ({REPLAY_OF: first} if (first := replay_of(record)) else {})
    described = [(name, str(value).encode()) for name, value in facts.items()]
    return record._replace(headers=[*_producer_headers(record), *moved, *described])


def _original_context(dead_letter: Record) -> Headers:
    moved = [(name.removeprefix(_PREFIX), value) for name, value in dead_letter.headers if name.startswith(_PREFIX)]
    return [(name, value) for name, value in moved if is_context_header(name)]


def _producer_headers(record: Record) -> Headers:
    kept = [(name, value) for name, value in record.headers if not (is_context_header(name) or name.lower() in HEADERS)]
    return [(name, value) for name, value in kept if not name.startswith(_PREFIX)]


def _halve_value(dead_letter: Record) -> Record:
    """Cut the value; ``dlq.value.cut`` holds its original size."""
    value = dead_letter.value or b""
    return dead_letter._replace(value=value[: len(value) // 2] or None, headers=[*dead_letter.headers, _cut("value", len(value))])


def _keep_summary(dead_letter: Record) -> Record:
    """Keep 8 KiB of value and key, and the error's headers."""
    value, key = dead_letter.value or b"", dead_letter.key or b""
    size = sum(len(name) + len(content) for name, content in dead_letter.headers if not name.startswith(_PREFIX))
    described = [(name, content[:_SUMMARY_BYTES]) for name, content in dead_letter.headers if name.startswith(_PREFIX)]
    cuts = [_cut("value", len(value)), _cut("key", len(key)), _cut("headers", size)]
    return dead_letter._replace(value=value[:_SUMMARY_BYTES] or None, key=key[:_SUMMARY_BYTES] or None, headers=[*described, *cuts])


def _cut(what: str, size: int) -> tuple[str, bytes]:
    return f"dlq.{what}.cut", str(size).encode()


def _describe(dead_letter: Record, item_of: Callable[[str], StockItem | None]) -> dict[str, Any]:
    """Return a dead letter as JSON. A record without a trace belongs to the trace in which it failed."""
    contexts = map(extract_span_context, (_original_context(dead_letter), dead_letter.headers))
    found = next((context for context in contexts if context.is_valid), None)
    numbers = {name: dead_letter.header(f"dlq.{name}") or "" for name in ("partition", "offset")}
    texts = {"key": dead_letter.key, "value": dead_letter.value}
    return {
        "id": record_id(dead_letter),
        "time": dead_letter.time_ms / 1000,
        "errorType": dead_letter.header("dlq.error.type"),
        "errorMessage": dead_letter.header("dlq.error.message"),
        "topic": dead_letter.header("dlq.topic"),
        **{name: int(text) if text.isdecimal() else -1 for name, text in numbers.items()},
        "traceId": None if found is None else trace.format_trace_id(found.trace_id),
        **{name: None if text is None else text.decode(errors="backslashreplace") for name, text in texts.items()},
        "handled": _is_handled(dead_letter, item_of),
    }


def _is_handled(dead_letter: Record, item_of: Callable[[str], StockItem | None]) -> bool:
    try:
        order = decode_record(dead_letter.value)
    except InvalidRecordError:
        return False
    item = item_of(str(order.item_id))
    return item is not None and item.remembers(order.order_id)
