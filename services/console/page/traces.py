"""Searches and shows traces. Times of views are microseconds."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from vshop.shop.client import ShopError
from vshop.shop.spans import Span
from vshop.shop.traces import Trace, TraceReader

MOST = 500
_MORE = 5
"""Traces to read if criteria are applied here, in multiples."""
MOST_LINKED = 50
_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")  # a foreign span may link to anything
_ORDER_TAGS = {"order": "shop.order.id", "item": "shop.item.id", "user": "enduser.id"}
SUMMARY_ATTRIBUTES = (*_ORDER_TAGS.values(), "shop.order.quantity")
"""Those that a summary takes from any span."""


class TraceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Empty criteria are ignored. ``start`` and ``end`` are microseconds since the epoch."""

    service: str = ""
    operation: str = ""
    error: bool = False
    exception: str = ""
    min_ms: float | None = None
    max_ms: float | None = None
    order: str = ""
    item: str = ""
    user: str = ""
    start: int | None = None
    end: int | None = None
    limit: int = 20


class Traces:
    """The query API applies the criteria it supports; the rest is filtered here."""

    def __init__(self, reader: TraceReader, topic: str, read_logs: Callable[..., list[dict[str, Any]]]) -> None:
        self.reader = reader
        self._topic = topic
        self._read_logs = read_logs

    def get(self, trace_ids: Iterable[str]) -> list[Trace]:
        """Return the stored ones."""
        spans = (self.reader.get(one).spans for one in trace_ids if _TRACE_ID.fullmatch(one))
        return [Trace(some[0].trace_id, some) for some in spans if some]

    def search(self, query: TraceQuery) -> list[Trace]:
        """Return the latest matching traces, newest first."""
        service, tags, complete = _store_query(query)
        limit = min(query.limit if complete else query.limit * _MORE, MOST)
        by_order = any(getattr(query, name) for name in _ORDER_TAGS)
        found: dict[str, Trace] = {}
        for one in [service] if service else self.reader.services():
            exact = query.operation if one == query.service else ""
            operation = exact or ("POST /orders" if by_order else "")
            begin, end = (query.start or 0) / 1e6, (query.end or 0) / 1e6
            for trace in self.reader.find_traces(one, tags, operation=operation, begin=begin, end=end, limit=limit):
                found.setdefault(trace.trace_id, trace)
        logged = self._ids_of_logged(query)
        found |= {trace.trace_id: trace for trace in self.get(logged - found.keys()) if _is_between(trace, query)}
        matching = [trace for trace in found.values() if _matches(trace, query, is_logged=trace.trace_id in logged)]
        return sorted(matching, key=lambda trace: -_start_ns(trace))[: query.limit]

    def _ids_of_logged(self, query: TraceQuery) -> set[str]:
        """By exceptions in logs, which spans may lack (``SHOP_EXCEPTIONS=log``)."""
        if not query.exception:
            return set()
        try:
            records = self._read_logs(search=query.exception, limit=MOST)
        except ShopError:
            return set()  # Jaeger stores no logs
        found = [one["traceId"] for one in records if one["attributes"].get("exception.type") == query.exception and one["traceId"]]
        return set(list(dict.fromkeys(reversed(found)))[: query.limit])

    def related(self, trace: Trace) -> dict[str, tuple[str, Trace | None]]:
        """Return the first linked traces, which are not read yet, and those of the same order, by id, with the reason."""
        own, linked = trace.trace_id, linked_ids(trace)
        found: dict[str, tuple[str, Trace | None]] = dict.fromkeys(linked[:MOST_LINKED], ("linked by this trace", None))
        order = summary(trace)["orderId"]
        for other in self._other_half(order, trace) if order else ():
            links_here = any(linked_id == own for span in other.spans for linked_id, _ in span.links)
            if other.trace_id != own:
                found.setdefault(other.trace_id, ("links to this trace" if links_here else "same order, no link", other))
        return found

    def _other_half(self, order: str, trace: Trace) -> list[Trace]:
        halves = {"SERVER": ("orders", "POST /orders"), "CONSUMER": ("stock-updater", f"process {self._topic}")}
        return [
            other
            for kind, (service, operation) in halves.items()
            if not any((span.kind, span.service) == (kind, service) for span in trace.spans)
            for other in self.reader.find_traces(service, {"shop.order.id": order}, operation=operation, limit=10)
        ]


def linked_ids(trace: Trace) -> list[str]:
    """Return the ids of linked traces."""
    links = (other for span in trace.spans for other, _ in span.links)
    return list(dict.fromkeys(other for other in links if other != trace.trace_id and _TRACE_ID.fullmatch(other)))


def _store_query(query: TraceQuery) -> tuple[str, dict[str, str], bool]:
    entry = {tag: str(getattr(query, name)) for name, tag in _ORDER_TAGS.items() if getattr(query, name)}
    timed = query.min_ms is not None or query.max_ms is not None
    if entry:
        return "orders", entry, not (query.error or query.exception or timed or query.service or query.operation)
    if query.exception:
        # The type is on the event, the status on the span. The type matches fewer spans.
        return query.service, {"exception.type": query.exception}, not timed
    if query.error:
        return query.service, {"error": "true"}, not timed
    return query.service or "orders", {}, not timed


def _is_between(trace: Trace, query: TraceQuery) -> bool:
    start = _start_ns(trace) // 1000
    return (query.start is None or query.start <= start) and (query.end is None or start <= query.end)


def _matches(trace: Trace, query: TraceQuery, *, is_logged: bool) -> bool:
    spans, duration_ms = trace.spans, _duration_us(trace) / 1000
    return (
        query.service in {"", *(span.service for span in spans)}
        and query.operation in {"", *(span.name for span in spans)}
        and (not query.error or any(span.failed for span in spans))
        and (is_logged or query.exception in {"", *_exception_types(trace)})
        and (query.min_ms is None or duration_ms >= query.min_ms)
        and (query.max_ms is None or duration_ms <= query.max_ms)
        and all(
            getattr(query, name) in {"", *(str(span.attributes.get(tag)) for span in spans)} for name, tag in _ORDER_TAGS.items()
        )
    )


def _exception_types(trace: Trace) -> list[str]:
    return [str(event.attributes.get("exception.type", "")) for span in trace.spans for event in span.exceptions]


def _duration_us(trace: Trace) -> int:
    return (max(span.end_ns for span in trace.spans) - _start_ns(trace)) // 1000


def _start_ns(trace: Trace) -> int:
    return next((span.start_ns for span in trace.spans if span.start_ns), 0)


def view(trace: Trace) -> dict[str, Any]:
    """Return a trace's JSON."""
    return {
        "traceId": trace.trace_id,
        "spans": [span_view(span) for span in trace.spans],
        "notes": trace.notes,
        "summary": summary(trace),
    }


def span_view(span: Span) -> dict[str, Any]:
    """Return a span as JSON."""
    return {
        "traceId": span.trace_id,
        "id": span.span_id,
        "parent": span.parent_id,
        "service": span.service,
        "name": span.name,
        "kind": span.kind,
        "status": span.status,
        "message": span.status_message,
        "start": span.start_ns // 1000,
        "duration": (span.end_ns - span.start_ns) // 1000,
        "attributes": span.attributes,
        "events": [{"name": one.name, "time": one.time_ns // 1000, "attributes": one.attributes} for one in span.events],
        "links": [{"traceId": trace_id, "spanId": span_id} for trace_id, span_id in span.links],
        "resource": span.resource,
    }


def summary(trace: Trace) -> dict[str, Any]:
    """Summarize a trace."""
    spans = trace.spans
    first = next((span for span in spans if span.parent_id is None), spans[0])
    attributes: dict[str, Any] = {}
    for span in reversed(spans):
        attributes |= span.attributes
    types = _exception_types(trace) + [
        str(span.stable["error.type"]) for span in spans if span.failed and "error.type" in span.stable
    ]
    return {
        "traceId": trace.trace_id,
        "service": first.service,
        "name": first.name,
        "start": _start_ns(trace) // 1000,
        "duration": _duration_us(trace),
        "spans": len(spans),
        "errors": sum(span.failed for span in spans),
        "services": sorted({span.service for span in spans}),
        "errorTypes": list(dict.fromkeys(types)),
        "status": first.http_status or None,
        "orderId": attributes.get("shop.order.id"),
        "itemId": attributes.get("shop.item.id"),
        "user": attributes.get("enduser.id"),
        "quantity": attributes.get("shop.order.quantity"),
        "handled": any(span.kind == "CONSUMER" and not span.failed for span in spans),
        "endsAtKafka": _ends_at_kafka(spans),
    }


def _ends_at_kafka(spans: list[Span]) -> bool:
    sent = any(span.kind == "PRODUCER" and span.service == "orders" and not span.failed for span in spans)
    return sent and not any(span.kind == "CONSUMER" for span in spans)
