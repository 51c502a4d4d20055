"""Writes a trace as Jaeger's ``/api/traces`` does, field by field, after the same adjustments.

The JSON's types: https://github.com/jaegertracing/jaeger/blob/v2.13.0/internal/uimodel/model.go;
the adjustments: https://github.com/jaegertracing/jaeger/blob/v2.13.0/cmd/query/app/querysvc/adjusters.go.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory import clock_skew, go_format, jaeger_references, jaeger_tags
from observatory.jaeger_references import Reference
from observatory.jaeger_tags import Tag
from observatory.spans import Resource, Scope, Span
from observatory.trace_store import Trace

Process = tuple[str, tuple[Tag, ...]]
"""Service name and tags: what one ``p1``, ``p2``, … stands for."""


def trace(held: Trace, *, raw: bool = False) -> dict[str, Any]:
    """Write a trace.

    Args:
        held: the trace.
        raw: leave out the adjustments: spans sent twice stay, nothing is sorted or warned of but negative durations.

    Returns:
        Jaeger's ``{"traceID", "spans", "processes", "warnings"}``; times in microseconds.
    """
    spans = list(held.spans) if raw else without_repeats(held.spans)
    messages = [span.message() for span in spans]
    references = [
        jaeger_references.of_span(message, span.trace_id, span.parent_id) for span, message in zip(spans, messages, strict=True)
    ]
    processes = _Processes(raw=raw)
    skews = _skews(spans, references, processes) if not raw else [[] for _ in spans]
    return {
        "traceID": jaeger_references.trace_id_text(held.id),
        "spans": [
            _span(span, message, refs, skew, processes)
            for span, message, refs, skew in zip(spans, messages, references, skews, strict=True)
        ],
        "processes": processes.as_json(),
        "warnings": None,
    }


def without_repeats(spans: Iterable[Span]) -> list[Span]:
    """Leave out spans that came more than once, as when an exporter repeats a batch whose answer it did not get."""
    first: dict[tuple[bytes, int], Span] = {}
    for span in spans:
        first.setdefault((span.raw, id(span.scope)), span)
    return list(first.values())


def negative_duration(span: Span) -> list[str]:
    """Warn, in Jaeger's words, of a span that ends no later than it starts; Jaeger then counts one nanosecond."""
    if span.end_ns > span.start_ns:
        return []
    reported, adjusted = go_format.utc_time(span.end_ns), go_format.utc_time(span.stop_ns)
    text = "Negative duration detected, sanitizing end timestamp. Original end timestamp: {}, adjusted to: {}"
    return [text.format(reported, adjusted)]


def _skews(spans: Sequence[Span], references: Sequence[list[Reference]], processes: "_Processes") -> list[list[str]]:
    nodes = [
        clock_skew.Node(
            span_id=span.span_id,
            parent_id=jaeger_references.parent_of(refs, span.trace_id),
            start_ns=span.start_ns,
            duration_ns=span.stop_ns - span.start_ns,
            host=processes.host(span.scope.resource),
        )
        for span, refs in zip(spans, references, strict=True)
    ]
    return clock_skew.warnings(nodes, "invalid parent span IDs={}; skipping clock skew adjustment")


def _span(
    span: Span, message: SpanMessage, references: list[Reference], skew: list[str], processes: "_Processes"
) -> dict[str, Any]:
    tags = jaeger_tags.of_span(message, processes.scope(span.scope))
    warnings = negative_duration(span) + skew
    moved: list[Tag] = []
    if not processes.raw:
        moved = [tag for tag in tags if tag[0] in jaeger_tags.LIBRARY_KEYS]
        tags = sorted(jaeger_tags.readable_ip(tag) for tag in tags if tag[0] not in jaeger_tags.LIBRARY_KEYS)
        references, invalid = jaeger_references.without_invalid(references)
        references = jaeger_references.parent_first(references, span.trace_id)
        warnings += invalid
    return {
        "traceID": jaeger_references.trace_id_text(span.trace_id),
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": [reference.as_json() for reference in references],
        "startTime": span.start_ns // 1_000,
        "duration": (span.stop_ns - span.start_ns) // 1_000,
        "tags": [jaeger_tags.as_json(tag) for tag in tags],
        "logs": [_log(event, raw=processes.raw) for event in message.events],
        "processID": processes.key(span.scope.resource, moved),
        "warnings": warnings or None,
    }


def _log(event: SpanMessage.Event, *, raw: bool) -> dict[str, Any]:
    fields = jaeger_tags.tags(event.attributes)
    if event.name and all(key != "event" for key, _, _ in fields):
        fields.insert(0, ("event", 0, event.name))
    if not raw:
        fields.sort(key=lambda field: (field[:2] != ("event", 0), field))
    return {"timestamp": event.time_unix_nano // 1_000, "fields": [jaeger_tags.as_json(field) for field in fields]}


class _Processes:
    """Numbers the processes of one trace in the order of their first span."""

    def __init__(self, *, raw: bool) -> None:
        self.raw = raw
        self._keys: dict[Process, str] = {}
        self._tags: dict[int, list[Tag]] = {}
        self._scopes: dict[int, Any] = {}

    def scope(self, scope: Scope) -> Any:
        if id(scope) not in self._scopes:
            self._scopes[id(scope)] = scope.message()
        return self._scopes[id(scope)]

    def host(self, resource: Resource) -> str:
        """Name the host, for comparing clocks: Jaeger goes by a tag ``ip`` alone."""
        address = next((jaeger_tags.readable_ip(tag) for tag in self._of(resource) if tag[0] == "ip"), None)
        return address[2] if address and isinstance(address[2], str) else ""

    def key(self, resource: Resource, moved: Sequence[Tag]) -> str:
        """Name the process of a span, whose own tags on the library in use join the resource's."""
        tags = [*self._of(resource), *moved]
        if not self.raw:
            tags = sorted(jaeger_tags.readable_ip(tag) for tag in tags)
        return self._keys.setdefault((resource.service, tuple(tags)), f"p{len(self._keys) + 1}")

    def _of(self, resource: Resource) -> list[Tag]:
        if id(resource) not in self._tags:
            self._tags[id(resource)] = [tag for tag in jaeger_tags.tags(resource.message().attributes) if tag[0] != "service.name"]
        return self._tags[id(resource)]

    def as_json(self) -> dict[str, Any]:
        return {
            key: {"serviceName": service, "tags": [jaeger_tags.as_json(tag) for tag in tags]}
            for (service, tags), key in self._keys.items()
        }
