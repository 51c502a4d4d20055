"""Stores spans by trace. Above its limits it drops the oldest traces as a whole.

A span keeps the fields that searches need, and its OTLP bytes: a third of the parsed message's memory.
"""

import sys
from collections import Counter
from collections.abc import Sequence

import msgspec
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory.store.origins import BoundedStore, Item, Scope, exception_type
from observatory.store.otlp import decode

KIND_NAMES = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
"""Jaeger's names. An unspecified kind has none."""

STATUS_NAMES = {1: "OK", 2: "ERROR"}
STATUS_ERROR = 2

MAX_LINKS = 128
"""To index: as many as an SDK sends (https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits)."""

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)


class Span(Item, frozen=True, eq=False, gc=False, kw_only=True):
    """``kind`` and ``status`` are OTLP's numbers, ``end_ns`` may be before the start, ``exceptions`` are types."""

    parent_id: bytes
    name: str
    kind: int
    status: int
    start_ns: int
    end_ns: int
    links: tuple[tuple[bytes, bytes], ...]
    exceptions: tuple[str, ...]

    @property
    def stop_ns(self) -> int:
        """Its end, at least one nanosecond after the start, as in Jaeger."""
        return self.end_ns if self.end_ns > self.start_ns else self.start_ns + 1

    def message(self) -> SpanMessage:
        """Decode the span."""
        return decode(SpanMessage, self.raw)


def _compact(message: SpanMessage, scope: Scope, trace_id: bytes) -> Span:
    """All spans of a trace share the object ``trace_id``."""
    parent_id = message.parent_span_id
    return Span(
        trace_id=trace_id,
        span_id=message.span_id,
        parent_id=parent_id if any(parent_id) else b"",
        name=sys.intern(message.name),
        kind=message.kind,
        status=message.status.code,
        start_ns=message.start_time_unix_nano,
        end_ns=message.end_time_unix_nano,
        scope=scope,
        links=tuple((link.trace_id, link.span_id) for link in message.links[:MAX_LINKS]),
        exceptions=tuple(filter(None, (exception_type(event.attributes) for event in message.events if event.name == "exception"))),
        raw=message.SerializeToString(),
    )


class Trace(msgspec.Struct, eq=False):
    """One trace's spans, in order of arrival."""

    id: bytes
    spans: list[Span] = []
    digests: set[int] = set()
    """Of each span, to recognise a span that an exporter sends again because the answer was lost."""


class TraceStore(BoundedStore):
    """Readers get copies of its lists, so they hold no lock."""

    signal = "traces"

    def __init__(self, max_spans: int, max_bytes: int) -> None:
        super().__init__(max_spans, max_bytes)
        self._traces: dict[bytes, Trace] = {}
        self._operations: Counter[tuple[str, str, int]] = Counter()
        self._repeated = self._dropped_traces = 0

    def _add_item(self, message: SpanMessage, scope: Scope) -> None:
        """Refuse an id of the wrong length or all zero (https://www.w3.org/TR/trace-context/#trace-id)."""
        trace_id, span_id, parent_id = message.trace_id, message.span_id, message.parent_span_id
        self._received += 1
        bad_parent = parent_id and len(parent_id) != 8
        if len(trace_id) != 16 or len(span_id) != 8 or bad_parent or trace_id == _NO_TRACE or span_id == _NO_SPAN:
            self._refused += 1
            return
        if self._is_late(message.start_time_unix_nano):
            self._dropped += 1
            return
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = Trace(trace_id)
        span = _compact(message, scope, trace.id)
        digest = hash((span.raw, scope))  # equal scopes are one object
        if digest in trace.digests:
            self._repeated += 1
            return
        trace.digests.add(digest)
        trace.spans.append(span)
        self._count(scope, 1, len(span.raw))
        self._operations[span.service, span.name, span.kind] += 1

    def _drop_oldest(self) -> None:
        trace = self._traces.pop(next(iter(self._traces)))
        self._dropped += len(trace.spans)
        self._dropped_traces += 1
        for span in trace.spans:
            self._count(span.scope, -1, len(span.raw))
            operation = (span.service, span.name, span.kind)
            self._operations[operation] -= 1
            if not self._operations[operation]:
                del self._operations[operation]

    def clear(self, now_ns: int) -> int:
        """Drop all traces, and from now on late spans that started before; return their number."""
        with self._lock:
            self._forget_all(now_ns)
            traces = len(self._traces)
            self._dropped_traces += traces
            self._traces.clear()
            self._operations.clear()
            return traces

    def traces(self) -> Sequence[Trace]:
        """List the traces in order of arrival."""
        with self._lock:
            return list(self._traces.values())

    def trace(self, trace_id: bytes) -> Trace | None:
        """Return a trace."""
        with self._lock:
            return self._traces.get(trace_id)

    def services(self) -> list[str]:
        """List the services, sorted."""
        with self._lock:
            return sorted({service for service, _, _ in self._operations})

    def operations(self, service: str, kind: str = "") -> list[tuple[str, str]]:
        """List a service's operations as ``(name, kind)``, sorted."""
        with self._lock:
            found = {(name, KIND_NAMES.get(number, "")) for owner, name, number in self._operations if owner == service}
        return sorted(operation for operation in found if kind in {"", operation[1]})

    def counts(self) -> dict[str, int]:
        """Count stored, received, refused (invalid), repeated and dropped (evicted or late) spans."""
        with self._lock:
            return {
                "traces": len(self._traces),
                "spans": self._items,
                "bytes": self._bytes,
                "receivedSpans": self._received,
                "refusedSpans": self._refused,
                "repeatedSpans": self._repeated,
                "droppedSpans": self._dropped,
                "droppedTraces": self._dropped_traces,
                "maxSpans": self.max_items,
                "maxBytes": self.max_bytes,
            }
