"""Turns a trace as Jaeger's query API tells it into plain spans for the page, and sums a trace up in a line.

Times are microseconds since the epoch. https://www.jaegertracing.io/docs/latest/architecture/apis/
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

_INTERNAL = frozenset({"span.kind", "error", "otel.status_code", "otel.status_description"})


class Event(msgspec.Struct, frozen=True):
    """Something that happened during a span."""

    name: str
    time: int
    attributes: dict[str, Any]


class Link(msgspec.Struct, frozen=True, rename="camel"):
    """A span elsewhere that a span belongs to without being its child."""

    trace_id: str
    span_id: str


class Span(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One span."""

    trace_id: str
    id: str
    parent: str | None
    service: str
    name: str
    kind: str
    status: str
    message: str
    start: int
    duration: int
    attributes: dict[str, Any]
    events: list[Event]
    links: list[Link]
    resource: dict[str, Any]

    @property
    def end(self) -> int:
        """When it ended."""
        return self.start + self.duration

    @property
    def failed(self) -> bool:
        """Whether its status is ERROR."""
        return self.status == "ERROR"

    def exceptions(self) -> list[str]:
        """Return the types of the exceptions recorded on it."""
        return [str(event.attributes.get("exception.type", "")) for event in self.events if event.name == "exception"]


Trace = list[Span]


def read(traces: Iterable[Mapping[str, Any]]) -> list[Trace]:
    """Read the ``data`` of an answer: each trace's spans, in the order of their start."""
    return [_trace(trace) for trace in traces]


def _trace(trace: Mapping[str, Any]) -> Trace:
    processes = {name: (one["serviceName"], _tags(one.get("tags"))) for name, one in trace["processes"].items()}
    spans = [_span(span, *processes[span["processID"]]) for span in trace["spans"]]
    return sorted(spans, key=lambda span: (span.start, -span.duration))


def _span(span: Mapping[str, Any], service: str, resource: dict[str, Any]) -> Span:
    tags = _tags(span["tags"])
    own, parent, links = span["traceID"], None, []
    for reference in span.get("references") or ():
        if reference["refType"] == "CHILD_OF" and reference["traceID"] == own and parent is None:
            parent = reference["spanID"]
        else:
            links.append(Link(reference["traceID"], reference["spanID"]))
    failed = tags.get("otel.status_code") == "ERROR" or tags.get("error") is True
    return Span(
        trace_id=own,
        id=span["spanID"],
        parent=parent,
        service=service,
        name=span["operationName"],
        kind=str(tags.get("span.kind", "internal")).upper(),
        status="ERROR" if failed else str(tags.get("otel.status_code", "UNSET")),
        message=str(tags.get("otel.status_description", "")),
        start=span["startTime"],
        duration=span["duration"],
        attributes={name: value for name, value in tags.items() if name not in _INTERNAL},
        events=[_event(log) for log in span.get("logs") or ()],
        links=links,
        resource=resource,
    )


def _event(log: Mapping[str, Any]) -> Event:
    fields = _tags(log["fields"])
    return Event(str(fields.pop("event", "")), log["timestamp"], fields)


def _tags(pairs: Iterable[Mapping[str, Any]] | None) -> dict[str, Any]:
    return {pair["key"]: pair["value"] for pair in pairs or ()}


def summary(trace: Trace) -> dict[str, Any]:
    """Sum a trace up in a line: where it began, what of the shop it is about, and what failed."""
    first = next((span for span in trace if span.parent is None), trace[0])
    found: dict[str, Any] = {}
    for span in trace:
        for name in ("shop.order.id", "shop.item.id", "enduser.id", "shop.order.quantity", "shop.order.outcome"):
            if name in span.attributes:
                found.setdefault(name, span.attributes[name])
    kinds = [name for span in trace for name in span.exceptions()]
    kinds += [str(span.attributes["error.type"]) for span in trace if span.failed and "error.type" in span.attributes]
    start = min(span.start for span in trace)
    return {
        "traceId": first.trace_id,
        "service": first.service,
        "name": first.name,
        "start": start,
        "duration": max(span.end for span in trace) - start,
        "spans": len(trace),
        "errors": sum(span.failed for span in trace),
        "services": sorted({span.service for span in trace}),
        "errorTypes": list(dict.fromkeys(kinds)),
        "status": first.attributes.get("http.response.status_code"),
        "orderId": found.get("shop.order.id"),
        "itemId": found.get("shop.item.id"),
        "user": found.get("enduser.id"),
        "quantity": found.get("shop.order.quantity"),
        "handled": any(span.kind == "CONSUMER" and not span.failed for span in trace),
    }
