"""Takes secrets out of everything that is exported: one place, at the exporters' door, for spans and logs alike.

A secret is a JSON Web Token wherever it stands, the value of a field or parameter whose name says it is secret, and
the credentials of an Authorization header. What is captured elsewhere in the code need not think of it.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

REDACTED = "[REDACTED]"

_SECRET_NAME = r"(?:[\w-]*(?:token|secret|password|passwd|api[_-]?key)|authorization|cookie|set-cookie)"
_PATTERNS = (
    # a JSON Web Token (RFC 7519), whole or with its signature cut off
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]*\.?[\w-]*"), REDACTED),
    # "name": "value" in JSON, also inside a JSON string (escaped quotes)
    (re.compile(rf'(\\*"{_SECRET_NAME}\\*"\s*:\s*\\*")((?:[^"\\]|\\(?!"))*)', re.IGNORECASE), rf"\g<1>{REDACTED}"),
    # name=value in a query or a form
    (re.compile(rf"(\b{_SECRET_NAME}=)[^&\s\"']+", re.IGNORECASE), rf"\g<1>{REDACTED}"),
    # credentials of an Authorization header (RFC 9110, 11.4)
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}"), rf"\g<1> {REDACTED}"),
)
# One cheap look decides for nearly every text that nothing has to be done.
_SUSPECT = re.compile(r"eyJ|token|secret|passw|api[_-]?key|authorization|cookie|bearer|basic", re.IGNORECASE)


def redact(text: str) -> str:
    """Return the text with every secret replaced by ``[REDACTED]``."""
    if _SUSPECT.search(text) is None:
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_value(value: Any) -> Any:
    """Return an attribute's value or a log's body (text, sequence, mapping or scalar) without secrets."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redact_value(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [redact_value(item) for item in value]
    return value


def _clean(attributes: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the same mapping when it holds no secret, so that the usual case costs no copy."""
    if not attributes:
        return attributes
    cleaned = redact_value(attributes)
    return attributes if cleaned == dict(attributes) else cleaned


def redact_span(span: ReadableSpan) -> ReadableSpan:
    """Return the span without secrets in its attributes, events and status."""
    attributes = _clean(span.attributes)
    description = redact(span.status.description) if span.status.description else span.status.description
    events = [
        event if (clean := _clean(event.attributes)) is event.attributes else Event(event.name, clean, event.timestamp)
        for event in span.events
    ]
    name = redact(span.name)
    unchanged = attributes is span.attributes and description == span.status.description and name == span.name
    if unchanged and all(new is old for new, old in zip(events, span.events, strict=True)):
        return span
    return ReadableSpan(
        name=name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=events,
        links=span.links,
        kind=span.kind,
        status=type(span.status)(span.status.status_code, description),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


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
