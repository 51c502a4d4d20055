"""Wraps the processing of a record in its span, without an instrumentation library, so that you can read how it works.

https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.trace import Link, Span, SpanKind

from vshop.kit.chaos.baggage import use_incidents
from vshop.kit.kafka.connection import broker_address
from vshop.kit.kafka.record import Record, describe, extract_span_context, histogram_of_seconds, operation, use_context
from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads
from vshop.kit.telemetry.errors import error_type, record_error

tracer = trace.get_tracer("vshop.kafka")


class Processing:
    """Wraps each record in a ``process <topic>`` span. Without ``own_spans``, the current span, an agent's, is used."""

    def __init__(self, settings: Settings, payloads: Payloads, *, own_spans: bool = True) -> None:
        """Prepare it.

        Args:
            settings: ``kafka_trace``, ``kafka_group`` and ``kafka_bootstrap`` are read.
            payloads: puts value and headers on the span.
            own_spans: False if an agent makes the spans of records; its current span is used then.
        """
        self._own_spans = own_spans
        self._child = settings.kafka_trace == "child"
        self._group = settings.kafka_group
        self._broker = broker_address(settings)
        self._payloads = payloads
        meter = metrics.get_meter("vshop.kafka")
        self._consumed = meter.create_counter("messaging.client.consumed.messages", "{message}", "Records taken from Kafka")
        self._duration = histogram_of_seconds("messaging.process.duration", "Time to process a record")

    @contextmanager
    def span(self, record: Record) -> Iterator[Span]:
        """Process a record inside its span, with its baggage and incidents.

        The span is a child of the producer's, or in a new trace with a link to it (``SHOP_KAFKA_TRACE``). An exception that leaves
        the block is recorded on it and propagates.
        """
        attributes = operation("process", record.topic, **{"messaging.consumer.group.name": self._group})
        started = time.perf_counter()
        with use_incidents(record.header), self._start(record, attributes) as span:
            try:
                yield span
            except Exception as error:
                attributes["error.type"] = error_type(error)
                record_error(span, error)
                raise
            finally:
                self._consumed.add(1, attributes)
                self._duration.record(time.perf_counter() - started, attributes)

    @contextmanager
    def _start(self, record: Record, attributes: dict[str, Any]) -> Iterator[Span]:
        if not self._own_spans:
            span = trace.get_current_span()
            self._describe(span, record)
            yield span
            return
        creation = trace.INVALID_SPAN_CONTEXT if self._child else extract_span_context(record.headers)
        with (
            use_context(record.headers, new_trace=not self._child),
            tracer.start_as_current_span(
                f"process {record.topic}",
                kind=SpanKind.CONSUMER,
                attributes=attributes,
                links=[Link(creation)] if creation.is_valid else None,
                record_exception=False,
                set_status_on_exception=False,
            ) as span,
        ):
            span.set_attributes(record.place())
            describe(span, record.key, record.value, **self._broker)
            self._describe(span, record)
            yield span

    def _describe(self, span: Span, record: Record) -> None:
        # Explains the gap in the waterfall: how long the record waited on the topic.
        span.set_attribute("shop.kafka.queue_time_ms", max(0, int(time.time() * 1000) - record.time_ms))
        self._payloads.put(span, "shop.kafka.value", record.value)
        self._payloads.put_headers(span, "shop.kafka.headers", record.headers)
