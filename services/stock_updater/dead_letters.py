"""The dead-letter topic: what could not be handled waits here with its error, its headers and its trace, to be replayed once."""

from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from stock_updater.item import StockItem
from stock_updater.letter import PLACE, bare, describe, letter_of, origin, own_context, place, replay_headers, with_less_value
from stock_updater.table import StockTable
from vshop.kit.events import InvalidRecordError, decode_record
from vshop.kit.kafka_connection import connection
from vshop.kit.kafka_context import attached
from vshop.kit.kafka_record import Record, read
from vshop.kit.kafka_sender import DeliveryError, Sender
from vshop.kit.kafka_topics import dead_letter_topic
from vshop.kit.settings import Settings

_READ_TIMEOUT_S = 5.0
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
        letter = letter_of(record, error)
        smallest = bare(letter)
        for smaller in (letter, with_less_value(letter), smallest):
            try:
                self._sender.send(self._topic, smaller.value, smaller.key, smaller.headers)
            except DeliveryError as refusal:
                # It fitted the topic of new orders by less than what is added here; tried again whole, it would stop its partition.
                if refusal.error_type not in _TOO_LARGE or smaller is smallest:
                    raise
            else:
                return

    def all(self) -> list[dict[str, Any]]:
        """Return all dead letters, oldest first, each with ``handled``: whether a replay of it is in the stock."""
        letters = self._read()
        items = {item.id: item for item in self._table.all()} if letters else {}
        return [{**describe(letter), "handled": _is_handled(letter, items.get)} for letter in letters]

    def show(self, letter_id: str) -> dict[str, Any]:
        """Return one dead letter with all its headers.

        Raises:
            NoSuchLetterError: there is none of this id.
        """
        letter = self._find(letter_id)
        headers = {name: letter.header(name) for name, _ in letter.headers}
        return {**describe(letter), "handled": _is_handled(letter, self._table.get), "headers": headers}

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
        if _is_handled(letter, self._table.get):
            return {"id": letter_id, "replayed": False, "partition": None, "offset": None}
        with attached(own_context(letter)):
            sent = self._sender.send(self._settings.kafka_topic, letter.value, letter.key, replay_headers(letter))
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

    def _find(self, letter_id: str) -> Record:
        asked = PLACE.fullmatch(letter_id)
        found = self._read((int(asked[1]), int(asked[2]))) if asked else []
        if not found or place(found[0]) != letter_id:
            raise NoSuchLetterError(f"There is no dead letter {letter_id!r}; GET /dlq lists them.")
        return found[0]

    def _read(self, only: tuple[int, int] | None = None) -> list[Record]:
        """Read the topic from its beginning to its end as it is now, or one letter; no group, nothing committed."""
        consumer = Consumer({**connection(self._settings), "group.id": "dlq-reader", "enable.auto.commit": False, "log_level": 0})
        try:
            partitions = consumer.list_topics(self._topic, _READ_TIMEOUT_S).topics[self._topic].partitions
            letters: list[Record] = []
            for partition in partitions if only is None else partitions.keys() & {only[0]}:
                offsets = range(*consumer.get_watermark_offsets(TopicPartition(self._topic, partition), _READ_TIMEOUT_S))
                if only is not None:
                    offsets = range(only[1], only[1] + 1) if only[1] in offsets else range(0)
                letters += self._read_partition(consumer, partition, offsets)
            return letters
        finally:
            consumer.close()

    def _read_partition(self, consumer: Consumer, partition: int, offsets: range) -> Iterator[Record]:
        at = offsets.start
        if offsets:
            consumer.assign([TopicPartition(self._topic, partition, at)])
        while at < offsets.stop:
            message = consumer.poll(_READ_TIMEOUT_S)
            if message is None or message.error():
                raise KafkaException(
                    message.error() if message else f"nothing read from {self._topic} within {_READ_TIMEOUT_S:g} s"
                )
            letter = read(message)
            at = letter.offset + 1
            yield letter


def _is_handled(letter: Record, item_of: Callable[[str], StockItem | None]) -> bool:
    try:
        order = decode_record(letter.value)
    except InvalidRecordError:
        return False
    item = item_of(str(order.item_id))
    return item is not None and (origin(letter) in item.replayed or order.order_id in item.recent)
