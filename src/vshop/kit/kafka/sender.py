"""Sends records, each in its span, without an instrumentation library, so that you can read how it works.

https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
"""

import contextlib
import logging
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind

from vshop.kit.kafka.connection import broker_address, client_properties
from vshop.kit.kafka.record import MAX_RECORD_BYTES, Headers, Record, describe, histogram_of_seconds, inject, operation, to_record
from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads

tracer = trace.get_tracer("vshop.kafka")

# Names of the errors after which the record is certainly not on the topic. After any other, it may be.
_REFUSED = {
    # by librdkafka, before it sent anything
    *("_INVALID_ARG", "_PURGE_QUEUE", "_QUEUE_FULL", "_UNKNOWN_PARTITION", "_UNKNOWN_TOPIC"),
    # by the broker: it must not have it, does not understand it, or cannot store it
    *("CLUSTER_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED", "POLICY_VIOLATION"),
    *("INVALID_RECORD", "INVALID_REQUIRED_ACKS", "INVALID_TIMESTAMP", "UNSUPPORTED_COMPRESSION_TYPE"),
    *("UNSUPPORTED_FOR_MESSAGE_FORMAT", "MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE", "NOT_ENOUGH_REPLICAS", "TOPIC_EXCEPTION"),
}


class DeliveryError(Exception):
    """Kafka did not acknowledge the record.

    ``refused``: it is certainly not on the topic. ``error_type``: Kafka's name, such as ``MSG_SIZE_TOO_LARGE``.
    """

    def __init__(self, message: str, *, code: str, refused: bool) -> None:
        super().__init__(message)
        self.error_type = code
        self.refused = refused


class Sender:
    """Sends records, each in a ``send <topic>`` span that ends with Kafka's acknowledgement."""

    def __init__(self, settings: Settings, payloads: Payloads, client_id: str, *, own_spans: bool = True) -> None:
        """Connect in the background. Without ``own_spans``, an agent makes the spans and adds the trace context."""
        self._own_spans = own_spans
        self._payloads = payloads
        self._details = {"messaging.client.id": client_id, **broker_address(settings)}
        self._properties: dict[str, str | int | float | bool] = {
            **client_properties(settings),
            "client.id": client_id,
            "enable.idempotence": True,  # a retry inside librdkafka is never a second record
            # With several, librdkafka takes a refused record for delivered when a later one of its partition is appended, as
            # happens while a topic is created (rd_kafka_dr_implicit_ack).
            "max.in.flight.requests.per.connection": 1,
            "acks": "all",
            "linger.ms": 0,  # the shopper waits for this acknowledgement
            "delivery.timeout.ms": int(settings.kafka_ack_timeout_s * 1000),
            "message.max.bytes": MAX_RECORD_BYTES,
            "log_level": 2,
        }
        self._producer = self._connect()
        self._timeout_s = settings.kafka_ack_timeout_s
        self._open = True
        meter = metrics.get_meter("vshop.kafka")
        self._sent = meter.create_counter("messaging.client.sent.messages", "{message}", "Records handed to Kafka")
        self._duration = histogram_of_seconds("messaging.client.operation.duration", "Time until Kafka acknowledged")
        # This thread starts before any request, because it must not inherit a request's context.
        self._poller = threading.Thread(target=self._poll, name="kafka-delivery-reports", daemon=True)
        self._poller.start()

    def _connect(self) -> Producer:
        return Producer(self._properties, logger=logging.getLogger("librdkafka"))

    def _poll(self) -> None:
        while self._open:
            try:
                self._producer.poll(0.1)
            except KafkaException:  # fatal, and logged by librdkafka: this producer sends nothing more
                failed, self._producer = self._producer, self._connect()
                failed.purge()  # its requests fail now instead of after a timeout
                with contextlib.suppress(KafkaException):
                    failed.flush(0)

    def send(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Headers | None = None, *, with_context: bool = True
    ) -> Record:
        """Send one record and return it once Kafka has acknowledged it. Raises DeliveryError.

        Without ``with_context``, the headers get no trace context or baggage, and the trace ends here.
        """
        attributes = operation("send", topic)
        own_span = tracer.start_as_current_span(f"send {topic}", kind=SpanKind.PRODUCER, attributes=attributes)
        with own_span if self._own_spans else contextlib.nullcontext(trace.INVALID_SPAN) as span:
            describe(span, key, value, **self._details)
            self._payloads.put(span, "shop.kafka.value", value)
            sent_headers = inject(headers, trace_context=self._own_spans) if with_context else headers or []
            started = time.perf_counter()
            try:
                sent = self._deliver(topic, value, key, sent_headers)
            except DeliveryError as error:
                attributes["error.type"] = error.error_type
                span.set_attribute("error.type", error.error_type)
                raise
            finally:
                self._sent.add(1, attributes)
                self._duration.record(time.perf_counter() - started, attributes)
            span.set_attributes(sent.place())
            return sent

    def _deliver(self, topic: str, value: bytes | None, key: bytes | None, headers: Headers) -> Record:
        report = SimpleQueue[tuple[KafkaError | None, Message]]()
        try:
            self._producer.produce(topic, value, key, on_delivery=lambda *result: report.put(result), headers=list(headers))
        except KafkaException as error:
            raise DeliveryError(error.args[0].str(), code=error.args[0].name(), refused=True) from error
        except BufferError as error:
            raise DeliveryError(str(error), code="_QUEUE_FULL", refused=True) from error
        try:
            failed, message = report.get(timeout=self._timeout_s + 1)
        except Empty:
            raise DeliveryError(f"no acknowledgement within {self._timeout_s:g} s", code="_MSG_TIMED_OUT", refused=False) from None
        if failed is not None:
            raise DeliveryError(failed.str(), code=failed.name(), refused=failed.name() in _REFUSED) from KafkaException(failed)
        if message.offset() is None:  # librdkafka inferred the delivery from a later record
            raise DeliveryError("acknowledged without an offset", code="_INCONSISTENT", refused=False)
        return to_record(message)

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Request a topic's metadata; ``timeout`` in seconds."""
        return self._producer.list_topics(topic, timeout)

    def close(self) -> None:
        """Wait for unacknowledged records, then stop."""
        self._producer.flush(self._timeout_s)
        self._open = False
        self._poller.join(timeout=1)
