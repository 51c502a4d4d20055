"""The dead-letter topic: what could not be handled waits here with its error, its headers and its trace, to be replayed once."""

import re
import traceback
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from opentelemetry import trace

from stock_updater.table import StockTable
from vshop.kit import failures
from vshop.kit.blind import without_incidents
from vshop.kit.events import InvalidRecordError, decode_record
from vshop.kit.kafka_connection import connection
from vshop.kit.kafka_context import CONTEXT_HEADERS, attached, span_context
from vshop.kit.kafka_record import Headers, Record, read
from vshop.kit.kafka_sender import DeliveryError, Sender
from vshop.kit.kafka_topics import dead_letter_topic
from vshop.kit.settings import Settings

REPLAY_OF = "dlq.replay-of"
_LETTER_ID = re.compile(r"[0-9]{1,10}-[0-9]{1,19}")
_READ_TIMEOUT_S = 5.0
_BARE_BYTES = 8192
_TOO_LARGE = {"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"}


class NoSuchLetterError(LookupError):
    """There is no dead letter at this place."""


class DeadLetters:
    """Writes, lists and replays dead letters."""

    def __init__(self, settings: Settings, sender: Sender, table: StockTable) -> None:
        """Args: settings: Kafka's. sender: writes letters and replays. table: knows which replays are in the stock."""
        self._settings = settings
        self._topic = dead_letter_topic(settings)
        self._sender = sender
        self._table = table

    def write(self, record: Record, error: BaseException) -> None:
        """Put a record on the dead-letter topic, as it was, with what went wrong in ``dlq.*`` headers.

        What is too large together with these headers is cut: the value, then the key, then the record's own headers are left out;
        ``dlq.value.cut``, ``dlq.key.cut`` and ``dlq.headers.cut`` tell their sizes.

        Raises:
            DeliveryError: Kafka did not take it; the record must then not be committed.
        """
        # The order's own trace and baggage are kept: what is injected on the way out is this hop's, which may be another trace.
        # Not the incident that broke it: a replay comes when that is over.
        kept = [(f"dlq.{name}", _kept(name, value)) for name, value in record.headers if name in CONTEXT_HEADERS]
        facts = {
            "dlq.error.type": failures.error_type(error),
            "dlq.error.message": str(error),
            "dlq.error.stacktrace": "".join(traceback.format_exception(error)),
            "dlq.topic": record.topic,
            "dlq.partition": record.partition,
            "dlq.offset": record.offset,
        }
        described = [(name, str(value).encode()) for name, value in facts.items()]
        letter = record._replace(headers=[*_plain(record.headers), *kept, *described])
        bare = _bare(letter)
        for smaller in (letter, _with_less_value(letter), bare):
            try:
                self._sender.send(self._topic, smaller.value, smaller.key, smaller.headers)
            except DeliveryError as refusal:
                # It fitted the topic of new orders by less than what is added here; tried again whole, it would stop its partition.
                if refusal.error_type not in _TOO_LARGE or smaller is bare:
                    raise
            else:
                return

    def all(self) -> list[dict[str, Any]]:
        """Return all dead letters, oldest first, each with ``handled``: whether a replay of it is in the stock."""
        return [{**_describe(letter), "handled": self._is_handled(letter)} for letter in self._read()]

    def show(self, letter_id: str) -> dict[str, Any]:
        """Return one dead letter with all its headers.

        Raises:
            NoSuchLetterError: there is none of this id.
        """
        letter = self._find(letter_id)
        headers = {name: letter.header(name) for name, _ in letter.headers}
        return {**_describe(letter), "handled": self._is_handled(letter), "headers": headers}

    def replay(self, letter_id: str) -> dict[str, Any]:
        """Put a dead letter back on the topic of new orders, in its own trace; however often, it is in the stock once.

        Returns:
            ``{"id", "replayed", "partition", "offset"}``; ``replayed`` is False when it is in the stock already.

        Raises:
            NoSuchLetterError: there is none of this id.
            InvalidRecordError: the record is no order and never will be.
            DeliveryError: Kafka did not take it.
        """
        letter = self._find(letter_id)
        decode_record(letter.value)
        if self._is_handled(letter):
            return {"id": letter_id, "replayed": False, "partition": None, "offset": None}
        own = [(name, value) for name in CONTEXT_HEADERS if (value := letter.header(f"dlq.{name}")) is not None]
        with attached([(name, value.encode()) for name, value in own]):
            headers = [*_plain(letter.headers), (REPLAY_OF, letter_id.encode())]
            sent = self._sender.send(self._settings.kafka_topic, letter.value, letter.key, headers)
        return {"id": letter_id, "replayed": True, "partition": sent.partition, "offset": sent.offset}

    def remove_all(self) -> int:
        """Remove every dead letter there is now, for good.

        Returns:
            How many.

        Raises:
            confluent_kafka.KafkaException: Kafka did not answer, or refused.
        """
        letters = self._read()
        ends = {letter.partition: letter.offset + 1 for letter in letters}
        if ends:
            admin = AdminClient({**connection(self._settings), "log_level": 0})
            places = [TopicPartition(self._topic, partition, end) for partition, end in ends.items()]
            for removed in admin.delete_records(places, request_timeout=_READ_TIMEOUT_S).values():
                removed.result()
        return len(letters)

    def _is_handled(self, letter: Record) -> bool:
        try:
            order = decode_record(letter.value)
        except InvalidRecordError:
            return False
        item = self._table.get(str(order.item_id))
        return item is not None and (_id(letter) in item.replayed or order.order_id in item.recent)

    def _find(self, letter_id: str) -> Record:
        for letter in self._read():
            if _id(letter) == letter_id:
                return letter
        raise NoSuchLetterError(f"There is no dead letter {letter_id!r}; GET /dlq lists them.")

    def _read(self) -> list[Record]:
        """Read the topic from its beginning to its end as it is now; no group, nothing committed."""
        consumer = Consumer(
            {
                **connection(self._settings),
                "group.id": "dlq-reader",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        try:
            partitions = consumer.list_topics(self._topic, _READ_TIMEOUT_S).topics[self._topic].partitions
            letters: list[Record] = []
            for partition in partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), _READ_TIMEOUT_S)
                consumer.assign([TopicPartition(self._topic, partition, low)])
                at = low
                while at < high:
                    message = consumer.poll(_READ_TIMEOUT_S)
                    if message is None or message.error():
                        raise KafkaException(
                            message.error() if message else f"nothing read from {self._topic} within {_READ_TIMEOUT_S:g} s"
                        )
                    letters.append(read(message))
                    at = letters[-1].offset + 1
            return letters
        finally:
            consumer.close()


def replay_of(record: Record) -> str | None:
    """Name the dead letter that a record is a replay of; what names none is left out, for the item would keep it for ever."""
    found = record.header(REPLAY_OF)
    return found if found and _LETTER_ID.fullmatch(found) else None


def _id(letter: Record) -> str:
    return f"{letter.partition}-{letter.offset}"


def _kept(name: str, value: bytes) -> bytes:
    return without_incidents(value.decode(errors="replace")).encode() if name == "baggage" else value


def _plain(headers: Headers) -> Headers:
    """Leave out the headers that belong to one journey: trace context, and what dead-lettering added."""
    return [(name, value) for name, value in headers if name not in CONTEXT_HEADERS and not name.startswith("dlq.")]


def _with_less_value(letter: Record) -> Record:
    value = letter.value or b""
    return letter._replace(value=value[: len(value) // 2] or None, headers=[*letter.headers, _cut("value", len(value))])


def _bare(letter: Record) -> Record:
    """Keep the beginning of the value and of the key, and of the headers what says what went wrong and where."""
    value, key = letter.value or b"", letter.key or b""
    own = [(name, content) for name, content in letter.headers if not name.startswith("dlq.")]
    described = [(name, content[:_BARE_BYTES]) for name, content in letter.headers if name.startswith("dlq.")]
    size = sum(len(name) + len(content) for name, content in own)
    cuts = [_cut("value", len(value)), _cut("key", len(key)), _cut("headers", size)]
    return letter._replace(value=value[:_BARE_BYTES] or None, key=key[:_BARE_BYTES] or None, headers=[*described, *cuts])


def _cut(what: str, size: int) -> tuple[str, bytes]:
    return f"dlq.{what}.cut", str(size).encode()


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1


def _describe(letter: Record) -> dict[str, Any]:
    """Return a dead letter as JSON: what failed and why, where it came from, its trace, the record itself."""
    own = [("traceparent", value.encode()) for value in [letter.header("dlq.traceparent")] if value]
    # the trace it came in; if it came in none, the one in which it failed
    found = next((context for headers in (own, letter.headers) if (context := span_context(headers)).is_valid), None)
    return {
        "id": _id(letter),
        "time": letter.time_ms / 1000,
        "errorType": letter.header("dlq.error.type"),
        "errorMessage": letter.header("dlq.error.message"),
        "topic": letter.header("dlq.topic"),
        "partition": _number(letter.header("dlq.partition")),
        "offset": _number(letter.header("dlq.offset")),
        "traceId": None if found is None else trace.format_trace_id(found.trace_id),
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "value": None if letter.value is None else letter.value.decode(errors="backslashreplace"),
    }
