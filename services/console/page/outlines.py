"""Reads traces for the page: of a large one columns, and details only of the spans that are asked for."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from console.page.traces import SUMMARY_ATTRIBUTES, Traces, span_view, summary, view
from console.page.upstream import Upstream
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.spans import read_spans
from vshop.shop.traces import Trace, add_logged_exceptions

_MOST_LOGS = 1000


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """A trace, or of a large one its ``columns`` (JSON), ``figures`` of all spans, and the spans that its summary needs."""

    trace: Trace
    columns: msgspec.Raw = msgspec.Raw()
    figures: dict[str, int] = {}

    def view(self) -> dict[str, Any]:
        """Return the trace with its spans, or with its columns instead."""
        if not len(self.columns):
            return view(self.trace)
        figures = summary(self.trace) | self.figures
        return {"traceId": self.trace.trace_id, "spans": [], "columns": self.columns, "notes": [], "summary": figures}


class _Answer(msgspec.Struct, rename="camel", kw_only=True):
    resource_spans: list[Any]
    figures: dict[str, int]
    columns: msgspec.Raw = msgspec.Raw()


class Outlines:
    """Reads traces, with the exceptions that the services only log (``SHOP_EXCEPTIONS=log``)."""

    def __init__(self, traces: Traces, upstream: Upstream, client: ShopClient) -> None:
        self._traces = traces
        self._upstream = upstream
        self._client = client

    def whole(self, trace_id: str) -> Outline | None:
        """Return a trace with all its spans, or None."""
        found = self._traces.get([trace_id])
        return self.complete(Outline(trace=found[0])) if found else None

    def get(self, trace_id: str) -> Outline | None:
        """Return a trace, with columns if it is large, or None."""
        path = f"/api/outlines/{quote(trace_id, safe='')}"
        found: _Answer = self._upstream.get("observatory", path, {"attribute": SUMMARY_ATTRIBUTES}, _Answer)
        trace = _trace(found.resource_spans)
        return self.complete(Outline(trace=trace, columns=found.columns, figures=found.figures)) if trace else None

    def related(self, trace: Trace, read: Callable[[str], Outline | None]) -> list[dict[str, Any]]:
        """Return views of the related traces, each with the reason ``why``."""
        views = []
        for trace_id, (why, known) in self._traces.related(trace).items():
            other = self.complete(Outline(trace=known)) if known else read(trace_id)
            views += [other.view() | {"why": why}] if other else []
        return views

    def spans(self, trace_id: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return the spans of a trace with these ids."""
        found = self._upstream.get("observatory", f"/api/spans/{quote(trace_id, safe='')}", {"id": ids})
        trace = _trace(found["resourceSpans"])
        return [span_view(span) for span in self.complete(Outline(trace=trace)).trace.spans] if trace else []

    def complete(self, outline: Outline) -> Outline:
        """Add the exceptions of failed spans that are only in the logs."""
        trace = outline.trace
        if any(span.failed and not span.exceptions for span in trace.spans):
            with contextlib.suppress(ShopError):  # Jaeger stores no logs
                records = self._client.logs(traceId=trace.trace_id, limit=_MOST_LOGS)
                return replace(outline, trace=add_logged_exceptions(trace, records))
        return outline


def _trace(resource_spans: list[Any]) -> Trace | None:
    spans = read_spans({"resourceSpans": resource_spans})
    return Trace(spans[0].trace_id, spans) if spans else None
