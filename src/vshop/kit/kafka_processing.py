"""Wraps the handling of a Kafka record in its span, written out by hand: where a trace leaves the broker, nothing is hidden.

Span name, kind and attributes: https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Link, Span, SpanKind

from vshop.kit import failures
from vshop.kit.kafka_context import SECONDS_BUCKETS, extract, put_key
from vshop.kit.kafka_record import Record
from vshop.kit.payloads import Payloads
from vshop.kit.settings import Settings

tracer = trace.get_tracer("vshop.kafka")


class Processing:
    """Wraps the handling of each record in a ``process <topic>`` span."""

    def __init__(self, settings: Settings, payloads: Payloads) -> None:
        """Args: settings: ``kafka_trace`` and ``kafka_group`` are read. payloads: whether key, value and headers go on spans."""
        self._child = settings.kafka_trace == "child"
        self._group = settings.kafka_group
        self._payloads = payloads
        meter = metrics.get_meter("vshop.kafka")
        self._consumed = meter.create_counter("messaging.client.consumed.messages", "{message}", "Records taken from Kafka")
        self._duration = meter.create_histogram(
            "messaging.process.duration", "s", "Time to process a record", explicit_bucket_boundaries_advisory=SECONDS_BUCKETS
        )

    @contextmanager
    def span(self, record: Record) -> Iterator[Span]:
        """Continue the trace in the record's headers: as its child, or as a new trace with a link (``SHOP_KAFKA_TRACE``).

        The record's baggage is in the current context inside the block. An exception that leaves the block is
        recorded on the span, makes it an error, and goes on.
        """
        sent = extract(record.headers)
        creation = trace.get_current_span(sent).get_span_context()
        parent = sent if self._child else trace.set_span_in_context(trace.INVALID_SPAN, sent)
        attributes: dict[str, Any] = {
            "messaging.system": "kafka",
            "messaging.destination.name": record.topic,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": self._group,
        }
        started = time.perf_counter()
        token = context.attach(parent)
        try:
            with tracer.start_as_current_span(
                f"process {record.topic}",
                kind=SpanKind.CONSUMER,
                attributes=attributes,
                links=None if self._child or not creation.is_valid else [Link(creation)],
            ) as span:
                self._describe(span, record)
                try:
                    yield span
                except Exception as error:
                    attributes["error.type"] = failures.error_type(error)
                    span.set_attribute("error.type", attributes["error.type"])
                    failures.count(error)
                    raise
                finally:
                    self._consumed.add(1, attributes)
                    self._duration.record(time.perf_counter() - started, attributes)
        finally:
            context.detach(token)

    def _describe(self, span: Span, record: Record) -> None:
        span.set_attribute("messaging.destination.partition.id", str(record.partition))
        span.set_attribute("messaging.kafka.offset", record.offset)
        span.set_attribute("messaging.message.body.size", len(record.value or b""))
        # Explains the gap in the waterfall: how long the record lay on the topic.
        span.set_attribute("shop.kafka.queue_time_ms", max(0, int(time.time() * 1000) - record.time_ms))
        put_key(span, record.key)
        self._payloads.put(span, "shop.kafka.value", record.value)
        self._payloads.put_headers(span, "shop.kafka.headers", record.headers)
