"""Spans, read from both versions of Jaeger's query API: OTLP's JSON (v3) and Jaeger's own (v1).

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from vshop.kit.telemetry.dialects import stable

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = ("UNSET", "OK", "ERROR")
_V1_DERIVED = frozenset({"span.kind", "error", "otel.status_code", "otel.status_description"})

_DEEPEST = 100
"""Of nested values; protobuf's own limit."""


class Event(msgspec.Struct, frozen=True):
    """Its time is nanoseconds since the epoch."""

    name: str
    time_ns: int
    attributes: dict[str, Any]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """``kind`` and ``status`` are OTLP's names without the prefix; times are nanoseconds since the epoch."""

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
    """(trace id, span id) of each."""
    resource: dict[str, Any]

    @property
    def duration_ms(self) -> float:
        """Milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6

    @property
    def stable(self) -> Mapping[str, Any]:
        """The attributes by their stable names."""
        return stable(self.kind, self.attributes)

    @property
    def http_status(self) -> int:
        """The HTTP status, which some services send as text; 0 without one."""
        return integer(self.stable.get("http.response.status_code"))

    @property
    def failed(self) -> bool:
        """Whether the status is ERROR."""
        return self.status == "ERROR"

    @property
    def unsuccessful(self) -> bool:
        """Whether a call failed or was refused: the span of a server that answers with 4xx has no status ERROR.

        https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status
        """
        return self.failed or (self.kind == "SERVER" and self.http_status >= 400)

    @property
    def exceptions(self) -> list[Event]:
        """The exception events."""
        return [event for event in self.events if event.name == "exception"]


def read_spans(answer: Mapping[str, Any]) -> list[Span]:
    """Read OTLP's JSON, or an answer of ``/api/v3/traces``, sorted by start.

    Accepts all that OTLP allows: fields may be missing, enums unknown, integers text or numbers.
    """
    spans = []
    for group in _list((answer.get("result") or answer).get("resourceSpans")):
        resource = attributes((group.get("resource") or {}).get("attributes"))
        for scope in _list(group.get("scopeSpans")):
            spans += [_span(span, resource) for span in _list(scope.get("spans"))]
    return sorted(spans, key=lambda span: span.start_ns)


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _span(span: Mapping[str, Any], resource: dict[str, Any]) -> Span:
    status = span.get("status") or {}
    start, end = integer(span.get("startTimeUnixNano")), integer(span.get("endTimeUnixNano"))
    if (start, end) == (0, 1):
        end = 0  # Jaeger lets each span end at least 1 ns after its start
    return Span(
        trace_id=_id(span, "traceId"),
        span_id=_id(span, "spanId"),
        parent_id=_id(span, "parentSpanId") or None,
        service=_text(resource.get("service.name")),
        name=_text(span.get("name")),
        kind=kind_name(span.get("kind")),
        status=status_name(status.get("code")),
        status_message=_text(status.get("message")),
        # One time is better than a bar since 1970.
        start_ns=start or end,
        end_ns=end or start,
        attributes=attributes(span.get("attributes")),
        events=[
            Event(_text(event.get("name")), integer(event.get("timeUnixNano")), attributes(event.get("attributes")))
            for event in _list(span.get("events"))
        ],
        links=[(_id(link, "traceId"), _id(link, "spanId")) for link in _list(span.get("links"))],
        resource=resource,
    )


def _id(fields: Mapping[str, Any], name: str) -> str:
    return _text(fields.get(name)).lower()


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def integer(value: Any) -> int:
    """Convert an integer, which may be text; 0 if it is neither."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    try:
        return int(float(value))  # "1e9" is allowed
    except (TypeError, ValueError, OverflowError):
        return 0


def read_v1_spans(trace: Mapping[str, Any]) -> list[Span]:
    """Read a trace of Jaeger's ``/api/traces``, sorted by start.

    https://github.com/jaegertracing/jaeger/blob/v2.13.0/internal/uimodel/model.go
    """
    resources = {
        name: {"service.name": _text(one.get("serviceName"))} | _v1_attributes(one.get("tags"))
        for name, one in (trace.get("processes") or {}).items()
    }
    spans = [_v1_span(span, resources.get(span.get("processID", ""), {})) for span in _list(trace.get("spans"))]
    # Times are in microseconds there: a parent may start at the same time as its child.
    return sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))


def _v1_span(span: Mapping[str, Any], resource: dict[str, Any]) -> Span:
    tags, own = _v1_attributes(span.get("tags")), _id(span, "traceID")
    parent, links = _v1_parent(own, _list(span.get("references")))
    failed = tags.get("otel.status_code") == "ERROR" or tags.get("error") is True
    start, duration = integer(span.get("startTime")), integer(span.get("duration"))
    return Span(
        trace_id=own,
        span_id=_id(span, "spanID"),
        parent_id=parent or None,
        service=_text(resource.get("service.name")),
        name=_text(span.get("operationName")),
        kind=str(tags.get("span.kind", "internal")).upper(),
        status="ERROR" if failed else str(tags.get("otel.status_code", "UNSET")),
        status_message=str(tags.get("otel.status_description", "")),
        start_ns=start * 1000,
        end_ns=(start + duration) * 1000,
        attributes={name: value for name, value in tags.items() if name not in _V1_DERIVED},
        events=[_v1_event(log) for log in _list(span.get("logs"))],
        links=links,
        resource=resource,
    )


def _v1_parent(trace_id: str, references: list[Mapping[str, Any]]) -> tuple[str | None, list[tuple[str, str]]]:
    """A span that also links to its parent has only a FOLLOWS_FROM, as Jaeger writes it."""
    ids = [(one.get("refType"), (_id(one, "traceID"), _id(one, "spanID"))) for one in references]
    inside = [(kind, link) for kind, link in ids if link[0] == trace_id]
    parent = next((one for one in inside if one[0] == "CHILD_OF"), inside[0] if inside else None)
    links = [link for kind, link in ids if kind != "CHILD_OF" or (kind, link) != parent]
    return parent[1][1] if parent else None, links


def _v1_event(log: Mapping[str, Any]) -> Event:
    fields = _v1_attributes(log.get("fields"))
    return Event(_text(fields.pop("event", "")), integer(log.get("timestamp")) * 1000, fields)


def _v1_attributes(pairs: Any) -> dict[str, Any]:
    return {_text(pair.get("key")): pair.get("value") for pair in _list(pairs)}


def kind_name(value: Any) -> str:
    """Return a span kind's name."""
    return _enum(value, "SPAN_KIND_", _KINDS)


def status_name(value: Any) -> str:
    """Return a status code's name."""
    return _enum(value, "STATUS_CODE_", _STATUSES)


def _enum(value: Any, prefix: str, names: tuple[str, ...]) -> str:
    if isinstance(value, str) and not value.lstrip("-").isdecimal():
        return value.removeprefix(prefix) or names[0]
    number = integer(value)
    return names[number] if 0 <= number < len(names) else str(number)


def attributes(pairs: Any, depth: int = 0) -> dict[str, Any]:
    """Turn OTLP's list of keys and values into a dict of plain values."""
    return {_text(pair.get("key")): any_value(pair.get("value"), depth) for pair in _list(pairs)}


def any_value(value: Any, depth: int = 0) -> Any:
    """Turn an ``AnyValue`` into a plain value; bytes stay base64."""
    if not isinstance(value, dict):
        return "" if value is None else value
    kind: str = next(iter(value), "stringValue")
    content: Any = value.get(kind, "")
    if depth > _DEEPEST:
        return "…"
    if kind in {"arrayValue", "kvlistValue"}:
        items = (content.get("values") if isinstance(content, dict) else None) or []
        return [any_value(item, depth + 1) for item in items] if kind == "arrayValue" else attributes(items, depth + 1)
    convert = {"intValue": integer, "doubleValue": _double}.get(kind)
    return convert(content) if convert else "" if content is None else content


def _double(content: Any) -> Any:
    """NaN and infinities stay text, because JSON lacks them."""
    try:
        number = float(content)
    except (TypeError, ValueError):
        return content
    return number if isfinite(number) and isinstance(content, str) else content


def log_text(record: Mapping[str, Any]) -> str:
    """Return a log record's body as text: JSON if it is no text, the event's name without a body."""
    body = record["body"]
    if isinstance(body, str):
        return body
    if body is None and record.get("eventName"):
        return str(record["eventName"])
    return json.dumps(body, ensure_ascii=False)
