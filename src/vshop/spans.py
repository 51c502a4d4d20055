"""A span as it is read back, and how it is read from OTLP's JSON.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from collections.abc import Mapping
from typing import Any

import msgspec

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = ("UNSET", "OK", "ERROR")


class Event(msgspec.Struct, frozen=True):
    """A span event: its name, when (nanoseconds since the epoch), its attributes."""

    name: str
    time_ns: int
    attributes: dict[str, Any]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span. ``kind`` and ``status`` are OTLP's names without their prefix; times are nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str | None
    service: str
    name: str
    kind: str
    status: str
    status_message: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    events: list[Event]
    links: list[tuple[str, str]]
    """(trace id, span id) of each link."""
    resource: dict[str, Any]

    @property
    def duration_ms(self) -> float:
        """How long it took, in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6

    @property
    def exceptions(self) -> list[Event]:
        """The exceptions recorded on it."""
        return [event for event in self.events if event.name == "exception"]


def read_spans(answer: Mapping[str, Any]) -> list[Span]:
    """Read the spans of an answer of Jaeger's ``/api/v3/traces``, in the order of their start."""
    spans = []
    for group in answer["result"].get("resourceSpans", []):
        resource = attributes(group.get("resource", {}).get("attributes", []))
        for scope in group.get("scopeSpans", []):
            spans += [_span(span, resource) for span in scope.get("spans", [])]
    return sorted(spans, key=lambda span: span.start_ns)


def _span(span: Mapping[str, Any], resource: dict[str, Any]) -> Span:
    status = span.get("status", {})
    return Span(
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId") or None,
        service=str(resource.get("service.name", "")),
        name=span["name"],
        kind=_enum(span.get("kind", 0), "SPAN_KIND_", _KINDS),
        status=_enum(status.get("code", 0), "STATUS_CODE_", _STATUSES),
        status_message=status.get("message", ""),
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        attributes=attributes(span.get("attributes", [])),
        events=[
            Event(event.get("name", ""), int(event.get("timeUnixNano", 0)), attributes(event.get("attributes", [])))
            for event in span.get("events", [])
        ],
        links=[(link["traceId"], link["spanId"]) for link in span.get("links", [])],
        resource=resource,
    )


def _enum(value: int | str, prefix: str, names: tuple[str, ...]) -> str:
    return value.removeprefix(prefix) if isinstance(value, str) else names[value]


def attributes(pairs: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Turn OTLP's list of key and ``AnyValue`` into a dict of plain values.

    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
    """
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs}


def _value(value: Mapping[str, Any]) -> Any:
    kind: str = next(iter(value), "stringValue")
    content: Any = value.get(kind, "")
    match kind:
        case "intValue":
            return int(content)
        case "arrayValue":
            return [_value(item) for item in content.get("values", [])]
        case "kvlistValue":
            return attributes(content.get("values", []))
        case _:
            return content
