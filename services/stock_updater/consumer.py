"""The consumer loop: one record at a time, committed after it was written or dead-lettered, never before."""

import logging
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from opentelemetry.trace import Span

from stock_updater.dead_letters import DeadLetters
from stock_updater.failure import may_pass
from stock_updater.item import Position
from stock_updater.lag import Lag
from stock_updater.letter import replay_of
from stock_updater.measures import Measures
from stock_updater.stock import Stock
from vshop.kit import failures
from vshop.kit.chaos import NO_CHAOS, Switches
from vshop.kit.events import decode_record
from vshop.kit.kafka_connection import connection
from vshop.kit.kafka_processing import Processing
from vshop.kit.kafka_record import Record, read
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)

_AWAY_S = 1.5


class OrderConsumer:
    """Takes orders from Kafka until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        processing: Processing,
        stock: Stock,
        dead_letters: DeadLetters,
        measures: Measures,
        lag: Lag,
        stop: threading.Event,
        chaos: Switches = NO_CHAOS,
    ) -> None:
        """Make the consumer; it joins its group in :meth:`run`.

        Args:
            settings: Kafka's, and ``outage_patience_s``.
            processing: wraps each record in its span.
            stock: what an order is applied to.
            dead_letters: takes what can never be applied.
            measures: the business metrics.
            lag: told what is assigned and handled.
            stop: set when the process is to end.
            chaos: asked before each record.
        """
        self._topic = settings.kafka_topic
        self._patience_s = settings.outage_patience_s
        self._processing = processing
        self._stock = stock
        self._dead_letters = dead_letters
        self._measures = measures
        self._stop = stop
        self._chaos = chaos
        self._away = False  # whether the group has been left once since the incident was switched on
        self._redelivered: dict[int, int] = {}  # partition -> the last offset that was gone back to
        self._joined = threading.Event()
        self._lag = lag
        self._consumer = Consumer(
            {
                **connection(settings),
                "group.id": settings.kafka_group,
                "client.id": "stock-updater",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,  # else the commit at hand-over would take the record in hand with it
                "auto.offset.reset": "earliest",
                # As long as a record may wait in hand: a coordinator that was killed may wait this long for members of old.
                "max.poll.interval.ms": int(settings.outage_patience_s * 1000) + 30_000,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1500,
                "reconnect.backoff.max.ms": 500,
                "fetch.wait.max.ms": 100,
                "log_level": 2,
            },
            logger=logging.getLogger("librdkafka"),
        )

    def run(self) -> None:
        """Handle records until ``stop`` is set; then commit and leave the group."""
        self._consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke)
        try:
            while not self._stop.is_set():
                message = self._consumer.poll(0.2)
                self._stand_still()
                if self._left_group() or message is None:
                    continue
                problem = message.error()
                if problem is not None:
                    log.warning("Kafka says: %s", problem.str())
                    continue
                record = read(message)
                if self._handle(record):
                    self._commit(record)
        finally:
            self._consumer.close()

    def _handle(self, record: Record) -> bool:
        """Handle one record, again and again while what it needs is away; False when told to stop before it was done."""
        deadline, delay_s = time.monotonic() + self._patience_s, 0.2
        while not self._stop.is_set():
            try:
                with self._processing.span(record) as span:
                    self._try_once(record, span, last_try=time.monotonic() > deadline)
            except Exception as error:  # noqa: BLE001 - this loop is where a record's failures end
                log.warning("record %d-%d has to wait %.1f s: %s", record.partition, record.offset, delay_s, error)
                self._stop.wait(delay_s)
                delay_s = min(delay_s * 2, 5.0)
            else:
                return True
        return False

    def _try_once(self, record: Record, span: Span, *, last_try: bool) -> None:
        """Apply the record, or dead-letter it; raises what may pass, so that the span shows it and the loop tries again."""
        try:
            order = decode_record(record.value)
            span.set_attributes(
                {"shop.order.id": order.order_id, "shop.item.id": order.item_id, "shop.order.quantity": order.quantity}
            )
            position = Position(record.partition, record.offset, replay_of(record))
            forgetful = self._chaos.on("stock-double-decrement", item=order.item_id)
            self._measures.handled(self._stock.apply(order, position, forgetful=forgetful))
            if forgetful:
                self._redeliver_once(record)
        except Exception as error:
            log.exception("the order cannot be handled")
            if may_pass(error) and not last_try:
                raise
            failures.record(span, error)
            self._dead_letters.write(record, error)  # a DeliveryError goes up: Kafka is away, and the record waits
            self._measures.dead_lettered(error)

    def _commit(self, record: Record) -> None:
        # Asynchronous: the offset stands in the table with the stock, so a commit that gets lost costs a look, not a double count.
        self._lag.handled(record.partition, record.offset)
        done = [TopicPartition(record.topic, record.partition, record.offset + 1)]
        try:
            self._consumer.store_offsets(offsets=done)
            self._consumer.commit(offsets=done, asynchronous=True)
        except KafkaException as error:
            log.warning("commit failed: %s", error)

    def _redeliver_once(self, record: Record) -> None:
        """Go back by one record, as a consumer does that lost its commit."""
        if record.offset > self._redelivered.get(record.partition, -1):
            self._redelivered[record.partition] = record.offset
            self._consumer.seek(TopicPartition(record.topic, record.partition, record.offset))

    def _stand_still(self) -> None:
        """Neither poll nor handle while the incident is on."""
        while self._chaos.on("stock-consumer-stalled") and not self._stop.is_set():
            self._stop.wait(0.05)

    def _left_group(self) -> bool:
        """Leave the group for a while and join it again, once each time the incident is switched on; what was read comes again."""
        if not self._chaos.on("stock-rebalance"):
            self._away = False
        elif not self._away:
            self._away = True
            self._consumer.unsubscribe()
            self._stop.wait(_AWAY_S)
            self._consumer.subscribe([self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke)
            return True
        return False

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("assigned %s", sorted(part.partition for part in partitions))
        self._lag.assigned(partitions)
        self._joined.set()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("revoked %s", sorted(part.partition for part in partitions))
        self._lag.revoked(partitions)
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:  # noqa: SLF001 - the library's own name for it
                log.warning("commit at hand-over failed: %s", error)

    def check_group(self) -> str:
        """Tell what this consumer is assigned: a readiness check; raises LookupError before it has joined its group."""
        if not self._joined.is_set():
            raise LookupError("not in its consumer group yet")
        return f"partitions {self._lag.partitions}"
