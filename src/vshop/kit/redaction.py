"""Takes secrets out of everything that is exported: one place, at the exporters' door, for spans and logs alike.

A secret is a JSON Web Token wherever it stands, the value of a field, header or parameter whose name says it is secret, and
the credentials of an Authorization header or a URL. What is captured elsewhere in the code need not think of it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, TraceState

from vshop.kit.secret_text import REDACTED, is_secret_name, redact


def redact_value(value: Any) -> Any:
    """Return an attribute's value or a log's body (text, bytes, sequence, mapping or scalar) without secrets."""
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, int | float):  # many are; the abstract classes below take long to say no
        return value
    if isinstance(value, bytes):
        return redact(value.decode("latin-1")).encode("latin-1")
    if isinstance(value, Mapping):
        return {key: _redact_field(key, item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return tuple(redact_value(item) for item in value)
    return value


def _redact_field(name: Any, value: Any) -> Any:
    named = isinstance(name, str) and not isinstance(value, bool) and value is not None and is_secret_name(name)
    return REDACTED if named else redact_value(value)


def _clean(attributes: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the same mapping when it holds no secret, so that the usual case costs no copy."""
    found = {}
    for name, value in (attributes or {}).items():
        cleaned = _redact_field(name, value)
        if cleaned is not value and cleaned != value:
            found[name] = cleaned
    return {**(attributes or {}), **found} if found else attributes


def redact_span(span: ReadableSpan) -> ReadableSpan:
    """Return the span without secrets in its name, trace state, attributes, events, links and status."""
    given = span.attributes  # each look makes another proxy of them
    name, attributes, context = redact(span.name), _clean(given), _redact_context(span.context)
    description = redact(span.status.description) if span.status.description else span.status.description
    events = [_redact_event(event) for event in span.events]
    links = [_redact_link(link) for link in span.links]
    unchanged = attributes is given and description == span.status.description and name == span.name
    unchanged = unchanged and context is span.context
    if unchanged and all(new is old for new, old in zip([*events, *links], [*span.events, *span.links], strict=True)):
        return span
    return ReadableSpan(
        name=name,
        context=context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=events,
        links=links,
        kind=span.kind,
        status=type(span.status)(span.status.status_code, description),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _redact_event(event: Event) -> Event:
    name, attributes = redact(event.name), _clean(event.attributes)
    return event if name == event.name and attributes is event.attributes else Event(name, attributes, event.timestamp)


def _redact_link(link: Link) -> Link:
    attributes, context = _clean(link.attributes), _redact_context(link.context)
    return link if attributes is link.attributes and context is link.context else Link(context, attributes)


def _redact_context(context: SpanContext) -> SpanContext:
    """Return the context without secrets in its trace state, which is the caller's to fill."""
    if not context.trace_state:
        return context
    clean = TraceState([(vendor, str(_redact_field(vendor, content))) for vendor, content in context.trace_state.items()])
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags, clean)


class RedactingSpanExporter(SpanExporter):
    """A span exporter that hands on to another, without secrets."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans without secrets."""
        return self._exporter.export([redact_span(span) for span in spans])

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter behind."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Shut the exporter behind down."""
        self._exporter.shutdown()


class RedactingLogExporter(LogRecordExporter):
    """A log exporter that hands on to another, without secrets."""

    def __init__(self, exporter: LogRecordExporter) -> None:
        self._exporter = exporter

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Export the records without secrets in body and attributes."""
        return self._exporter.export([_redact_record(record) for record in batch])

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter behind."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Shut the exporter behind down."""
        self._exporter.shutdown()


def _redact_record(readable: ReadableLogRecord) -> ReadableLogRecord:
    record = readable.log_record
    record.body = redact_value(record.body)
    record.attributes = _clean(record.attributes)
    return dataclasses.replace(readable, log_record=record)
