"""Holds spans by trace in bounded memory: when there are too many, the oldest traces go, each as a whole."""

import threading
from collections import Counter
from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory.latecomers import Latecomers
from observatory.origin_sizes import OriginSizes
from observatory.spans import KIND_NAMES, Origins, Scope, Span, light_view

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)


class Trace:
    """The spans of one trace, in the order of their arrival. It grows while it is held; nothing is ever taken out of it."""

    __slots__ = ("id", "size_bytes", "spans")

    def __init__(self, trace_id: bytes) -> None:
        self.id = trace_id
        self.spans: list[Span] = []
        self.size_bytes = 0


class TraceStore:
    """Traces in memory, safe to use from many threads. Readers get lists of their own and hold no lock while they read."""

    def __init__(self, max_spans: int, max_bytes: int) -> None:
        """Make an empty store.

        Args:
            max_spans: spans held before the oldest traces are dropped.
            max_bytes: bytes of OTLP held before the oldest traces are dropped.
        """
        self.max_spans, self.max_bytes = max_spans, max_bytes
        self._lock = threading.Lock()
        self._latecomers = Latecomers()
        self._origins = Origins()
        self._traces: dict[bytes, Trace] = {}
        self._operations: Counter[tuple[str, str, int]] = Counter()
        self._origin_sizes = OriginSizes()
        self._spans = self._bytes = 0
        self._received = self._refused = self._dropped_spans = self._dropped_traces = 0

    def add(self, request: ExportTraceServiceRequest) -> int:
        """Take what an exporter sent.

        Returns:
            How many spans were refused because their ids are not 16 (trace) and 8 bytes (span, parent), or are all zero
            (https://www.w3.org/TR/trace-context/#trace-id).
        """
        with self._lock:
            before = self._refused
            for of_resource in request.resource_spans:
                for of_scope in of_resource.scope_spans:
                    scope = self._origins.scope(of_resource.resource, of_scope.scope)
                    for message in of_scope.spans:
                        self._add_span(message, scope)
            self._drop_oldest()
            return self._refused - before

    def _add_span(self, message: SpanMessage, scope: Scope) -> None:
        trace_id, span_id, parent_id = message.trace_id, message.span_id, message.parent_span_id
        self._received += 1
        bad_parent = parent_id and len(parent_id) != 8
        if len(trace_id) != 16 or len(span_id) != 8 or bad_parent or trace_id == _NO_TRACE or span_id == _NO_SPAN:
            self._refused += 1
            return
        if self._latecomers.include(message.start_time_unix_nano):
            self._dropped_spans += 1
            return
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = Trace(trace_id)
        span = light_view(message, scope, trace.id)
        trace.spans.append(span)
        self._origin_sizes.add(scope)
        self._operations[span.service, span.name, span.kind] += 1
        self._spans += 1
        self._bytes += len(span.raw)
        trace.size_bytes += len(span.raw)

    def _drop_oldest(self) -> None:
        while self._spans > self.max_spans or self._bytes + self._origin_sizes.total > self.max_bytes:
            trace = self._traces.pop(next(iter(self._traces)))
            self._spans -= len(trace.spans)
            self._bytes -= trace.size_bytes
            self._dropped_spans += len(trace.spans)
            self._dropped_traces += 1
            for span in trace.spans:
                self._origin_sizes.remove(span.scope)
                operation = (span.service, span.name, span.kind)
                self._operations[operation] -= 1
                if not self._operations[operation]:
                    del self._operations[operation]

    def clear(self, now_ns: int) -> int:
        """Drop everything that is held, and what is still on its way.

        Args:
            now_ns: the time, in nanoseconds since the epoch.

        Returns:
            How many traces were held.
        """
        with self._lock:
            self._latecomers.begin(now_ns)
            traces = len(self._traces)
            self._dropped_traces += traces
            self._dropped_spans += self._spans
            self._traces.clear()
            self._operations.clear()
            self._origin_sizes.clear()
            self._spans = self._bytes = 0
            return traces

    def traces(self) -> Sequence[Trace]:
        """List the traces held, the oldest first: by the arrival of their first span."""
        with self._lock:
            return list(self._traces.values())

    def trace(self, trace_id: bytes) -> Trace | None:
        """Find a trace by its 16 bytes."""
        with self._lock:
            return self._traces.get(trace_id)

    def services(self) -> list[str]:
        """List the services that spans are held of, sorted."""
        with self._lock:
            return sorted({service for service, _, _ in self._operations})

    def operations(self, service: str, kind: str = "") -> list[tuple[str, str]]:
        """List a service's operations as ``(name, kind)``, sorted; with a kind, those of that kind."""
        with self._lock:
            found = {(name, KIND_NAMES.get(number, "")) for owner, name, number in self._operations if owner == service}
        return sorted(operation for operation in found if kind in {"", operation[1]})

    def counts(self) -> dict[str, int]:
        """Count what is held, was received, dropped (evicted) and refused (invalid)."""
        with self._lock:
            return {
                "traces": len(self._traces),
                "spans": self._spans,
                "bytes": self._bytes + self._origin_sizes.total,
                "receivedSpans": self._received,
                "refusedSpans": self._refused,
                "droppedSpans": self._dropped_spans,
                "droppedTraces": self._dropped_traces,
                "maxSpans": self.max_spans,
                "maxBytes": self.max_bytes,
            }

    def counts_by_service(self) -> dict[str, int]:
        """Count the spans held of each service."""
        with self._lock:
            counts: Counter[str] = Counter()
            for (service, _, _), spans in self._operations.items():
                counts[service] += spans
            return dict(counts)
