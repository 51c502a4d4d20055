"""Finds log records and writes them as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from observatory import attributes, moments
from observatory.log_store import LogRecord

SEVERITIES = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}
"""The lowest number of each severity (https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber)."""


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which records to return: those that meet all of it.

    Attributes:
        trace_id: 16 bytes; empty for any.
        span_id: 8 bytes; empty for any.
        service: service name; empty for any.
        severity: lowest severity number; 0 for any.
        search: text to find in the body or in an attribute's value, in upper or lower case; empty for any.
        since_ns: earliest time, nanoseconds since the epoch.
        limit: most records to return: the latest.
    """

    trace_id: bytes = b""
    span_id: bytes = b""
    service: str = ""
    severity: int = 0
    search: str = ""
    since_ns: int = 0
    limit: int = 200


def find(records: Sequence[LogRecord], query: LogQuery) -> list[LogRecord]:
    """Find the latest records; returns them in the order of their time."""
    found: list[LogRecord] = []
    for record in sorted(records, key=lambda record: record.time_ns, reverse=True):
        if len(found) >= query.limit or record.time_ns < query.since_ns:
            break
        if _meets(record, query):
            found.append(record)
    return found[::-1]


def _meets(record: LogRecord, query: LogQuery) -> bool:
    return (
        query.trace_id in {b"", record.trace_id}
        and query.span_id in {b"", record.span_id}
        and query.service in {"", record.service}
        and record.severity >= query.severity
        and (not query.search or _contains(record, query.search))
    )


def _contains(record: LogRecord, text: str) -> bool:
    # Text of plain letters must be among the bytes: most records need no decoding.
    if text.isascii() and text.isalnum() and text.lower().encode() not in record.raw.lower():
        return False
    message = record.message()
    values = [message.body, *(item.value for item in message.attributes)]
    return any(text.casefold() in attributes.text(value).casefold() for value in values)


def as_json(record: LogRecord) -> dict[str, Any]:
    """Write a record; ``time`` is RFC 3339, ``timestamp`` microseconds since the epoch, ids are in hex."""
    message = record.message()
    found = attributes.as_json(message.attributes)
    exception = {name: found[f"exception.{name}"] for name in ("type", "message", "stacktrace") if f"exception.{name}" in found}
    return {
        "time": moments.rfc3339(record.time_ns),
        "timestamp": record.time_ns // 1_000,
        "severity": message.severity_text or _severity_name(record.severity),
        "severityNumber": record.severity,
        "body": attributes.json_value(attributes.plain(message.body)),
        "service": record.service,
        "logger": record.scope.message().name,
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
        "eventName": message.event_name,
        "attributes": found,
        "exception": exception or None,
    }


def _severity_name(number: int) -> str:
    return next((name for name, lowest in reversed(SEVERITIES.items()) if number >= lowest), "")
