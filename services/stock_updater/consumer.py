"""The consumer loop: one record at a time is retried, applied or dead-lettered, and then committed."""

import contextlib
import logging
import threading
import time
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from opentelemetry import metrics
from opentelemetry.trace import Span

from stock_updater.dead_letters import DeadLetters, replay_of
from stock_updater.item import OrderOutcome
from stock_updater.lag import ConsumerLag
from stock_updater.membership import Membership
from stock_updater.positions import Positions
from stock_updater.retryable import WaitingRecords
from stock_updater.stock import Stock, TableRolledBackError, UnknownItemError
from vshop.kit.chaos.switches import NO_CHAOS, Switches
from vshop.kit.kafka.processing import Processing
from vshop.kit.kafka.record import Record, to_record
from vshop.kit.order import InvalidRecordError, decode_record
from vshop.kit.settings import Settings
from vshop.kit.telemetry.errors import error_attributes, record_error

log = logging.getLogger(__name__)

_OUT_OF_GROUP_S = 1.5

_TURN_S = 20.0
"""For one record, before the consumer polls again to stay in its group and learn what was revoked."""


class StockMetrics:
    """The business metrics of stock-updater: processed orders by outcome, and dead-lettered records."""

    def __init__(self) -> None:
        meter = metrics.get_meter("stock_updater")
        self._handled = meter.create_counter("shop.orders.handled", "{order}", "Orders handled, by outcome")
        self._dead_lettered = meter.create_counter("shop.orders.dead_lettered", "{order}", "Records put on the dead-letter topic")

    def count_handled(self, outcome: OrderOutcome) -> None:
        """Count a processed order."""
        self._handled.add(1, {"shop.order.outcome": outcome})

    def count_dead_lettered(self, error: BaseException) -> None:
        """Count a dead-lettered record."""
        self._dead_lettered.add(1, error_attributes(error))


@dataclass
class OrderConsumer:
    """Processes orders from Kafka. A record's walk starts in :meth:`run`."""

    settings: Settings
    processing: Processing
    stock: Stock
    dead_letters: DeadLetters
    counts: StockMetrics
    lag: ConsumerLag
    positions: Positions
    membership: Membership
    stop: threading.Event
    chaos: Switches = NO_CHAOS

    def __post_init__(self) -> None:
        self._rebalanced = False  # since the incident was switched on
        self._redelivered: dict[int, int] = {}  # the last offset by partition
        self._redelivery_pending = False
        self._only_on_topic = False  # the last record was sold out or dead-lettered: its item does not show it
        self._waiting = WaitingRecords(self.settings.outage_patience_s)
        self.membership.on_partitions_gone = self._waiting.remove
        self.check_waiting = self._waiting.check

    def run(self) -> None:
        """Process records until ``stop`` is set; then commit and leave the group."""
        self.membership.subscribe()
        try:
            while not self.stop.is_set():
                message = self._consumer.poll(0.2)
                self._stall_while_switched_on()
                if self._rebalance_once():
                    continue
                if message is not None:
                    self._take(message)
                if self.positions.is_due():
                    self._save_positions()
        finally:
            self._consumer.close()

    @property
    def _consumer(self) -> Consumer:
        return self.membership.consumer

    def _take(self, message: Message) -> None:
        kafka_error = message.error()
        if kafka_error is not None and kafka_error.name() == "_PARTITION_EOF":
            self._reach_end(message)
        elif kafka_error is not None:
            # The topic was created a moment ago, and the broker that was asked does not know it yet.
            is_new = kafka_error.name() == "UNKNOWN_TOPIC_OR_PART" and not self.membership.joined.is_set()
            log.log(logging.INFO if is_new else logging.WARNING, "Kafka reports an error: %s", kafka_error.str())
        else:
            self._take_record(to_record(message))

    def _reach_end(self, message: Message) -> None:
        partition, end = message.partition(), message.offset()
        if partition is not None and end is not None and self.lag.skip_to(partition, end):
            with contextlib.suppress(KafkaException):  # the next record is committed anyway
                self._consumer.commit(offsets=[TopicPartition(message.topic() or "", partition, end)], asynchronous=True)

    def _take_record(self, record: Record) -> None:
        if self.positions.is_forgotten(record):
            log.info("record %d-%d waits for the next assignment", record.partition, record.offset)
        elif self.positions.is_repeated(record):
            log.warning("record %d-%d comes again: Kafka's data may have been replaced", record.partition, record.offset)
            self._rejoin()
        elif self.positions.is_reread(record) and self._is_in_table(record):
            self.lag.mark_processed(record.partition, record.offset)
            self.positions.advance(record)
        elif self._process(record):
            self._commit(record)

    def _save_positions(self) -> None:
        if self.positions.is_topic_replaced() or not self.positions.save():
            self._rejoin()

    def _rejoin(self) -> None:
        """Get the partitions assigned again. What is not stored yet may be missing from the table, too."""
        self.positions.forget()
        self.membership.rejoin()

    def _is_in_table(self, record: Record) -> bool:
        """Without spans. If the table lacks a committed record, it was rolled back."""
        try:
            found = self._is_included(record, if_invalid=True)  # it became a dead letter before it was committed
        except (BotoCoreError, ClientError) as error:
            log.info("record %d-%d cannot be compared with the table: %s", record.partition, record.offset, error)
            return False
        if not found:
            log.warning("record %d-%d was committed, but the table lacks it: processing it again", record.partition, record.offset)
        return found

    def _is_included(self, record: Record, *, if_invalid: bool) -> bool:
        try:
            return self.stock.includes(decode_record(record.value), self.positions.of(record, replay_of(record)))
        except (InvalidRecordError, UnknownItemError):
            return if_invalid

    def _process(self, record: Record) -> bool:
        turn_ends = time.monotonic() + _TURN_S
        while not self.stop.is_set():
            self._only_on_topic = False
            try:
                with self.processing.span(record) as span:
                    self._try_once(record, span)
            except TableRolledBackError:
                self._rejoin()
                break
            except Exception as error:  # noqa: BLE001 - this loop ends every failure of a record
                delay_s = self._waiting.add(record, error)
                log.warning("record %d-%d has to wait %.1f s: %s", record.partition, record.offset, delay_s, error)
                self.stop.wait(delay_s)
            else:
                self._waiting.remove([record.partition])
                return True
            if time.monotonic() > turn_ends:
                self._poll_again(record)
                break
        return False

    def _poll_again(self, record: Record) -> None:
        try:
            self._consumer.seek(TopicPartition(record.topic, record.partition, record.offset))
        except KafkaException as error:
            log.info("record %d-%d is not assigned any more: %s", record.partition, record.offset, error)
            self._waiting.remove([record.partition])

    def _try_once(self, record: Record, span: Span) -> None:
        """A retryable error is raised, so that the span shows it."""
        position = self.positions.of(record, replay_of(record))
        try:
            order = decode_record(record.value)
            span.set_attributes(
                {"shop.order.id": order.order_id, "shop.item.id": order.item_id, "shop.order.quantity": order.quantity}
            )
            skip_duplicate_check = self.chaos.on("stock-double-decrement", item=order.item_id)
            outcome = self.stock.apply(order, position, skip_duplicate_check=skip_duplicate_check)
            self._only_on_topic = outcome == OrderOutcome.SOLD_OUT
            self.counts.count_handled(outcome)
            if skip_duplicate_check:
                self._redeliver_once(record)
        except TableRolledBackError:
            log.exception("the table was rolled back")
            raise
        except Exception as error:
            log.exception("the order cannot be handled")
            if self._waiting.must_wait(record, error):
                raise
            if self._is_written(record):
                self.counts.count_handled(OrderOutcome.DUPLICATE)
                return
            record_error(span, error)
            self.dead_letters.write(record, error)  # if Kafka is away, the record is tried again
            self._only_on_topic = True
            self.counts.count_dead_lettered(error)

    def _is_written(self, record: Record) -> bool:
        """By an earlier try whose response was lost, or by another consumer during a pause."""
        try:
            return self._is_included(record, if_invalid=False)
        except (BotoCoreError, ClientError) as error:
            if self._waiting.must_wait(record, error):
                raise
            return False  # the table cannot be read; if it includes the order, a replay finds that

    def _commit(self, record: Record) -> None:
        if not self._redelivery_pending:
            self.lag.mark_processed(record.partition, record.offset)
            self.positions.advance(record, at_once=self._only_on_topic)
        self._redelivery_pending = False
        next_offset = [TopicPartition(record.topic, record.partition, record.offset + 1)]
        try:
            self._consumer.store_offsets(offsets=next_offset)
            # Asynchronous, because a lost commit costs only a read: the table stores the offset with the stock.
            self._consumer.commit(offsets=next_offset, asynchronous=True)
        except KafkaException as error:
            log.warning("commit failed: %s", error)

    def _redeliver_once(self, record: Record) -> None:
        """Like a consumer that lost its commit."""
        if record.offset > self._redelivered.get(record.partition, -1):
            self._redelivered[record.partition] = record.offset
            self._redelivery_pending = True
            self._consumer.seek(TopicPartition(record.topic, record.partition, record.offset))

    def _stall_while_switched_on(self) -> None:
        while self.chaos.on("stock-consumer-stalled") and not self.stop.is_set():
            self.stop.wait(0.05)

    def _rebalance_once(self) -> bool:
        """Leave and join the group, once. Kafka redelivers the polled record."""
        if not self.chaos.on("stock-rebalance"):
            self._rebalanced = False
        elif not self._rebalanced:
            self._rebalanced = True
            self._consumer.unsubscribe()
            self.stop.wait(_OUT_OF_GROUP_S)
            self.membership.subscribe()
            return True
        return False
