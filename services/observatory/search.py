"""Finds traces by what one of their spans is like."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory import attributes
from observatory.spans import KIND_NAMES, STATUS_ERROR, Span
from observatory.trace_store import Trace

_STATUS_NAMES = {0: "", 1: "OK", 2: "ERROR"}

_DERIVED: Mapping[str, Callable[[Span], str]] = {
    "span.kind": lambda span: KIND_NAMES.get(span.kind, ""),
    "otel.status_code": lambda span: _STATUS_NAMES.get(span.status, ""),
    "otel.status_description": lambda span: span.message().status.message,
    "otel.scope.name": lambda span: span.scope.message().name,
    "otel.scope.version": lambda span: span.scope.message().version,
    "w3c.tracestate": lambda span: span.message().trace_state,
}
"""Tags that Jaeger shows although no attribute of that name was sent. Searching for what is shown must find it."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for: one span of the trace must meet all of it.

    Attributes:
        service: service name; empty for any.
        operation: span name; empty for any.
        tags: attributes of the span, its events, its scope or its resource, with their values as text.
        start_min_ns: earliest start, nanoseconds since the epoch.
        start_max_ns: latest start.
        duration_min_ns: shortest duration; 0 for any.
        duration_max_ns: longest duration; 0 for any.
        limit: most traces to return.
    """

    service: str = ""
    operation: str = ""
    tags: Mapping[str, str] = {}
    start_min_ns: int = 0
    start_max_ns: int = 2**63
    duration_min_ns: int = 0
    duration_max_ns: int = 0
    limit: int = 100


def find(traces: Sequence[Trace], query: Query) -> list[Trace]:
    """Find the traces that came last.

    Args:
        traces: where to look, the oldest first.
        query: what to look for.

    Returns:
        At most ``query.limit`` traces, the newest first.
    """
    tags = [(key, key.encode(errors="replace"), value) for key, value in query.tags.items()]
    found: list[Trace] = []
    for trace in reversed(traces):
        if len(found) >= query.limit:
            break
        if any(_meets(span, query) and all(_has(span, *tag) for tag in tags) for span in list(trace.spans)):
            found.append(trace)
    return found


def _meets(span: Span, query: Query) -> bool:
    if query.service and span.scope.resource.service != query.service:
        return False
    if query.operation and span.name != query.operation:
        return False
    if not query.start_min_ns <= span.start_ns <= query.start_max_ns:
        return False
    if not query.duration_min_ns and not query.duration_max_ns:
        return True
    duration_ns = span.stop_ns - span.start_ns
    return query.duration_min_ns <= duration_ns and (not query.duration_max_ns or duration_ns <= query.duration_max_ns)


def _has(span: Span, key: str, key_bytes: bytes, value: str) -> bool:
    if key == "error" and value.lower() in {"true", "false"}:
        return (span.status == STATUS_ERROR) == (value.lower() == "true")
    if key in _DERIVED and _DERIVED[key](span) == value:
        return True
    # A key that is not among the bytes is not among the attributes: most spans need no decoding.
    if (key_bytes in span.raw or key == "event") and _in_message(span.message(), key, value):
        return True
    if key_bytes in span.scope.raw and _equals(span.scope.message(), key, value):
        return True
    if key_bytes in span.scope.resource.raw:
        return span.service == value if key == "service.name" else _equals(span.scope.resource.message(), key, value)
    return False


def _in_message(message: SpanMessage, key: str, value: str) -> bool:
    # Jaeger shows an event's name as a field of that key.
    return _equals(message, key, value) or any(
        _equals(event, key, value) or (key == "event" and event.name == value) for event in message.events
    )


def _equals(owner: attributes.Owner, key: str, value: str) -> bool:
    found = attributes.find(owner.attributes, key)
    return found is not None and attributes.text(found) == value
