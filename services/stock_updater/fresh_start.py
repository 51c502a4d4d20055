"""Back to the beginning without a restart: the initial stock and no dead letters, between two exercises."""

import threading
import time
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, TopicPartition

from stock_updater.dead_letters import DeadLetters
from stock_updater.table import StockTable
from vshop.kit.kafka_connection import connection
from vshop.kit.settings import Settings

_ASK_EVERY_S = 0.02
_BROKER_TIMEOUT_S = 2.0


class StillToHandleError(Exception):
    """Orders wait on the topic; nothing was reset."""

    def __init__(self, count: int, patience_s: float) -> None:
        """Args: count: how many. patience_s: how long they were waited for."""
        super().__init__(
            f"{count} orders on the topic were not handled within {patience_s:g} s, so nothing was reset: they would be taken from "
            "the new stock. Is an incident on, or DynamoDB away?"
        )
        self.count = count


class FreshStart:
    """Resets the stock once what was ordered before is handled; else those orders would be taken from the new stock."""

    def __init__(
        self,
        settings: Settings,
        table: StockTable,
        dead_letters: DeadLetters,
        next_offsets: Callable[[], Mapping[int, int | None]],
        stop: threading.Event,
    ) -> None:
        """Build it; nothing connects yet.

        Args:
            settings: Kafka's.
            table: the stock.
            dead_letters: the dead-letter topic.
            next_offsets: by partition assigned to this process, the record that is handled next, where that is known.
            stop: set when the process is to end.
        """
        self._settings = settings
        self._table = table
        self._dead_letters = dead_letters
        self._next_offsets = next_offsets
        self._stop = stop
        self._one_at_a_time = threading.Lock()

    def make(self, patience_s: float) -> dict[str, int]:
        """Wait until what is on the topic now is handled, then fill the stock up and empty the dead-letter topic.

        An order that is sent meanwhile counts on either side. Offsets and order ids stay in the items, so that a record that comes
        again is recognised as ever.

        Args:
            patience_s: how long to wait, in seconds.

        Returns:
            How many ``items`` were filled up, and how many ``deadLetters`` removed.

        Raises:
            StillToHandleError: it took longer; nothing was changed.
            confluent_kafka.KafkaException: Kafka did not answer.
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: DynamoDB refused or did not answer.
        """
        with self._one_at_a_time:
            self._await_handled(patience_s)
            return {"items": self._table.fill_up(), "deadLetters": self._dead_letters.remove_all()}

    def _await_handled(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        asked = {"group.id": self._settings.kafka_group, "enable.auto.commit": False, "log_level": 0}
        group = Consumer({**connection(self._settings), **asked})
        try:
            begins, ends = self._watermarks(group)
            while waiting := self._count(group, begins, ends):
                if time.monotonic() > deadline or self._stop.wait(_ASK_EVERY_S):
                    raise StillToHandleError(waiting, patience_s)
        finally:
            group.close()

    def _watermarks(self, group: Consumer) -> tuple[dict[int, int], dict[int, int]]:
        topic = self._settings.kafka_topic
        partitions = group.list_topics(topic, _BROKER_TIMEOUT_S).topics[topic].partitions
        marks = {number: group.get_watermark_offsets(TopicPartition(topic, number), _BROKER_TIMEOUT_S) for number in partitions}
        return {number: low for number, (low, _) in marks.items()}, {number: high for number, (_, high) in marks.items()}

    def _count(self, group: Consumer, begins: Mapping[int, int], ends: Mapping[int, int]) -> int:
        """Count what is to be handled before the ends. Of partitions that another replica has, the group's commits tell."""
        own = self._next_offsets()
        unknown = [TopicPartition(self._settings.kafka_topic, number) for number in ends if own.get(number) is None]
        committed = {part.partition: part.offset for part in group.committed(unknown, _BROKER_TIMEOUT_S)} if unknown else {}
        reached = committed | {number: offset for number, offset in own.items() if offset is not None}
        return sum(max(0, end - max(reached[number], begins[number])) for number, end in ends.items())
