"""Reads, searches and shows traces. Times of views are microseconds."""

import contextlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from vshop.shop.client import ShopClient, ShopError
from vshop.shop.spans import Span, read_spans
from vshop.shop.traces import Trace, TraceReader, add_logged_exceptions

MOST = 500
_MORE = 5
"""Traces to read if criteria are applied here, in multiples."""
MOST_LINKED = 50
_MOST_LOGS = 1000
_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")  # a foreign span may link to anything
_ORDER_TAGS = {"order": "shop.order.id", "item": "shop.item.id", "user": "enduser.id"}
_SUMMARY = {"orderId": "shop.order.id", "itemId": "shop.item.id", "user": "enduser.id", "quantity": "shop.order.quantity"}
"""Attributes that a summary takes from any span."""


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


class Shown(NamedTuple):
    """A trace and its JSON. Of a large one, ``trace`` has the spans that a summary needs, and ``view`` columns of all."""

    trace: Trace
    view: dict[str, Any]


class _Outline(msgspec.Struct, rename="camel", kw_only=True):
    resource_spans: list[Any]
    figures: dict[str, int]
    columns: msgspec.Raw = msgspec.Raw()


class Traces:
    """Reads traces, with the exceptions that the services only log (``SHOP_EXCEPTIONS=log``).

    The query API applies the criteria of a search that it supports; the rest is filtered here.
    """

    def __init__(self, client: ShopClient, reader: TraceReader, topic: str) -> None:
        self.reader = reader
        self._client = client
        self._topic = topic

    def get(self, trace_ids: Iterable[str]) -> list[Trace]:
        """Return the stored ones."""
        spans = (self.reader.get(one).spans for one in trace_ids if _TRACE_ID.fullmatch(one))
        return [Trace(some[0].trace_id, some) for some in spans if some]

    def read(self, trace_id: str, *, outline: bool) -> Shown | None:
        """Return a trace with all its spans, or with columns if an outline is wanted and it is large."""
        if not outline:
            return next(map(self._show, self.get([trace_id])), None)
        path = f"/api/outlines/{quote(trace_id, safe='')}"
        found = self._client.read("observatory", path, {"attribute": list(_SUMMARY.values())}, _Outline)
        spans = read_spans({"resourceSpans": found.resource_spans})
        if not spans:
            return None
        trace = Trace(spans[0].trace_id, spans)
        if not len(found.columns):
            return self._show(trace)
        trace = self._with_logged_exceptions(trace)
        figures = summary(trace) | found.figures
        return Shown(trace, {"traceId": trace.trace_id, "spans": [], "columns": found.columns, "notes": [], "summary": figures})

    def spans(self, trace_id: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the spans of a trace with these ids."""
        found = read_spans(self._client.get("observatory", f"/api/spans/{quote(trace_id, safe='')}", {"id": ids}))
        return [span_view(span) for span in self._with_logged_exceptions(Trace(trace_id, found)).spans]

    def _show(self, trace: Trace) -> Shown:
        trace = self._with_logged_exceptions(trace)
        return Shown(trace, view(trace))

    def _with_logged_exceptions(self, trace: Trace) -> Trace:
        if any(span.failed and not span.exceptions for span in trace.spans):
            with contextlib.suppress(ShopError):  # Jaeger stores no logs
                return add_logged_exceptions(trace, self._client.logs(traceId=trace.trace_id, limit=_MOST_LOGS))
        return trace

    def search(self, query: TraceQuery) -> list[Trace]:
        """Return the latest matching traces, newest first."""
        service, operation, tags, complete = _store_query(query)
        limit = min(query.limit if complete else query.limit * _MORE, MOST)
        begin, end = (query.start or 0) / 1e6, (query.end or 0) / 1e6
        found: dict[str, Trace] = {}
        for one in [service] if service else self.reader.services():
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
            records = self._client.logs(search=query.exception, limit=MOST)
        except ShopError:
            return set()  # Jaeger stores no logs
        found = [one["traceId"] for one in records if one["attributes"].get("exception.type") == query.exception and one["traceId"]]
        return set(list(dict.fromkeys(reversed(found)))[: query.limit])

    def related(self, trace: Trace, *, outline: bool) -> list[dict[str, Any]]:
        """Return views of the related traces, each with the reason ``why``."""
        views = []
        for trace_id, (why, known) in self.related_ids(trace).items():
            other = self._show(known) if known else self.read(trace_id, outline=outline)
            views += [other.view | {"why": why}] if other else []
        return views

    def related_ids(self, trace: Trace) -> dict[str, tuple[str, Trace | None]]:
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


def _store_query(query: TraceQuery) -> tuple[str, str, dict[str, str], bool]:
    """Return service, operation and tags for the query API, and whether no criterion remains."""
    untimed = query.min_ms is None and query.max_ms is None
    tags = {tag: getattr(query, name) for name, tag in _ORDER_TAGS.items() if getattr(query, name)}
    if tags:
        operation = query.operation if query.service == "orders" else ""
        others = query.error or query.exception or query.service or query.operation
        return "orders", operation or "POST /orders", tags, untimed and not others
    # The type is on the event, the status on the span. The type matches fewer spans.
    tags = {"exception.type": query.exception} if query.exception else {"error": "true"} if query.error else {}
    return query.service or ("" if tags else "orders"), query.operation if query.service else "", tags, untimed


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
        "failed": span.unsuccessful,
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
    failed = [span for span in spans if span.failed]
    sent = any(span.kind == "PRODUCER" and span.service == "orders" and not span.failed for span in spans)
    types = _exception_types(trace) + [str(span.stable["error.type"]) for span in failed if "error.type" in span.stable]
    return {
        "traceId": trace.trace_id,
        "service": first.service,
        "name": first.name,
        "start": _start_ns(trace) // 1000,
        "duration": _duration_us(trace),
        "spans": len(spans),
        "errors": len(failed),
        "failed": bool(failed) or first.unsuccessful,
        "services": sorted({span.service for span in spans}),
        "errorTypes": list(dict.fromkeys(types)),
        "status": first.http_status or None,
        **{name: next((span.attributes[one] for span in spans if one in span.attributes), None) for name, one in _SUMMARY.items()},
        "handled": any(span.kind == "CONSUMER" and not span.failed for span in spans),
        "endsAtKafka": sent and not any(span.kind == "CONSUMER" for span in spans),
    }
