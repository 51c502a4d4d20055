"""Sends records to Kafka, the span written out by hand: where a trace crosses the broker, nothing is hidden in a library.

Span name, kind and attributes: https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
"""

import logging
import threading
import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind

from vshop.kit.kafka_connection import connection
from vshop.kit.kafka_context import SECONDS_BUCKETS, inject, put_key
from vshop.kit.kafka_record import MAX_RECORD_BYTES, Headers, Record, read
from vshop.kit.payloads import Payloads
from vshop.kit.settings import Settings

tracer = trace.get_tracer("vshop.kafka")

# Failures after which the record may lie on the topic all the same: it went out, the answer did not come back.
_UNSURE = {
    KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._PURGE_INFLIGHT,  # noqa: SLF001
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,  # written, but by fewer than were asked for
}


class DeliveryError(Exception):
    """Kafka did not acknowledge the record; the text says what Kafka said.

    Attributes:
        refused: True when the record is surely not on the topic; False when the acknowledgement may have been lost on its way.
        error_type: Kafka's name of the error, such as ``MSG_SIZE_TOO_LARGE``.
    """

    def __init__(self, message: str, *, code: str, refused: bool) -> None:
        super().__init__(message)
        self.error_type = code
        self.refused = refused


class Sender:
    """Sends records, each in a ``send <topic>`` span that ends with Kafka's acknowledgement."""

    def __init__(self, settings: Settings, payloads: Payloads, client_id: str) -> None:
        """Connect, in the background; nothing is sent yet.

        Args:
            settings: ``kafka_bootstrap`` and ``kafka_ack_timeout_s`` are read.
            payloads: decides whether the value goes on the span.
            client_id: ``messaging.client.id``.
        """
        self._payloads = payloads
        self._client_id = client_id
        self._producer = Producer(
            {
                **connection(settings),
                "client.id": client_id,
                "enable.idempotence": True,  # a retry inside librdkafka is never a second record
                "acks": "all",
                "linger.ms": 0,  # a shopper waits for this acknowledgement
                "delivery.timeout.ms": int(settings.kafka_ack_timeout_s * 1000),
                "message.max.bytes": MAX_RECORD_BYTES,
                "log_level": 2,
            },
            logger=logging.getLogger("librdkafka"),
        )
        self._timeout_s = settings.kafka_ack_timeout_s
        self._open = True
        meter = metrics.get_meter("vshop.kafka")
        self._sent = meter.create_counter("messaging.client.sent.messages", "{message}", "Records handed to Kafka")
        self._duration = meter.create_histogram(
            "messaging.client.operation.duration",
            "s",
            "Time until Kafka acknowledged",
            explicit_bucket_boundaries_advisory=SECONDS_BUCKETS,
        )
        # One thread, made before any request, serves the delivery reports; it must not inherit a request's context.
        self._poller = threading.Thread(target=self._poll, name="kafka-delivery-reports", daemon=True)
        self._poller.start()

    def _poll(self) -> None:
        while self._open:
            self._producer.poll(0.1)

    def send(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Headers | None = None, *, with_context: bool = True
    ) -> Record:
        """Send one record and wait until Kafka has it.

        The current trace context and baggage go into the headers; any that ``headers`` holds are replaced.

        Args:
            topic: where to.
            value: the record's value.
            key: the record's key, or None.
            headers: further headers.
            with_context: whether trace context and baggage go along; without them the trace ends here.

        Returns:
            The acknowledged record, with its partition and offset.

        Raises:
            DeliveryError: Kafka refused it, could not be reached, or did not acknowledge in time.
        """
        attributes: dict[str, Any] = {
            "messaging.system": "kafka",
            "messaging.destination.name": topic,
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
        }
        with tracer.start_as_current_span(f"send {topic}", kind=SpanKind.PRODUCER, attributes=attributes) as span:
            span.set_attributes({"messaging.client.id": self._client_id, "messaging.message.body.size": len(value or b"")})
            put_key(span, key)
            self._payloads.put(span, "shop.kafka.value", value)
            started = time.perf_counter()
            try:
                sent = self._deliver(topic, value, key, inject(headers) if with_context else headers or [])
            except DeliveryError as error:
                attributes["error.type"] = error.error_type
                span.set_attribute("error.type", attributes["error.type"])
                raise
            finally:
                self._sent.add(1, attributes)
                self._duration.record(time.perf_counter() - started, attributes)
            span.set_attribute("messaging.destination.partition.id", str(sent.partition))
            span.set_attribute("messaging.kafka.offset", sent.offset)
            return sent

    def _deliver(self, topic: str, value: bytes | None, key: bytes | None, headers: Headers) -> Record:
        done = threading.Event()
        report: list[tuple[KafkaError | None, Message]] = []

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            report.append((error, message))
            done.set()

        try:
            self._producer.produce(topic, value, key, on_delivery=on_delivery, headers=list(headers))
        except KafkaException as error:
            raise DeliveryError(error.args[0].str(), code=error.args[0].name(), refused=True) from error
        except BufferError as error:
            raise DeliveryError(str(error), code="_QUEUE_FULL", refused=True) from error
        if not done.wait(self._timeout_s + 1):
            raise DeliveryError(f"no acknowledgement within {self._timeout_s:g} s", code="_MSG_TIMED_OUT", refused=False)
        failed, message = report[0]
        if failed is not None:
            raise DeliveryError(failed.str(), code=failed.name(), refused=failed.code() not in _UNSURE) from KafkaException(failed)
        return read(message)

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Ask the broker for a topic's metadata; waits at most ``timeout`` seconds, then raises KafkaException."""
        return self._producer.list_topics(topic, timeout)

    def close(self) -> None:
        """Wait for records under way, then stop."""
        self._producer.flush(self._timeout_s)
        self._open = False
        self._poller.join(timeout=1)
