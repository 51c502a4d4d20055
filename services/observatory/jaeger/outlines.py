"""Traces for the console's page: a large one as columns, and single spans in full. Times are microseconds."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, Response, request
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from observatory.jaeger.v3_api import resource_spans
from observatory.query import BadParamError, json_response, parse_trace_id, parse_value
from observatory.store.trace_store import STATUS_ERROR, Span, TraceStore

MOST_WHOLE = 1_000
"""Larger traces are columns."""
MOST_IDS = 100
MOST_ATTRIBUTES = 20
_MOST_ERRORS = 500

_KINDS = {number: name.removeprefix("SPAN_KIND_") for name, number in SpanMessage.SpanKind.items()}
_STATUSES = {number: name.removeprefix("STATUS_CODE_") for name, number in Status.StatusCode.items()}


def blueprint(traces: TraceStore) -> Blueprint:
    """Build the endpoints."""
    api = Blueprint("outlines", __name__)

    def read(trace_id: str) -> list[Span]:
        found = traces.trace(parse_value("trace_id", trace_id, parse_trace_id))
        return sorted(found.spans if found else [], key=_start_ns)

    @api.get("/api/outlines/<trace_id>")
    def read_outline(trace_id: str) -> Response:
        return json_response(outline(read(trace_id), _several("attribute", MOST_ATTRIBUTES)))

    @api.get("/api/spans/<trace_id>")
    def read_spans(trace_id: str) -> Response:
        ids = {one.lower() for one in _several("id", MOST_IDS)}
        return json_response({"resourceSpans": resource_spans(span for span in read(trace_id) if span.span_id.hex() in ids)})

    return api


def _several(name: str, most: int) -> list[str]:
    values = request.args.getlist(name)
    if len(values) > most:
        raise BadParamError(f"Parameter {name} is invalid: it is given {len(values)} times, more than {most}", name)
    return values


def outline(spans: Sequence[Span], attributes: Sequence[str] = ()) -> dict[str, Any]:
    """Return a trace's figures and spans (sorted by start); of a large trace, columns and the :func:`notable` spans."""
    start_ns = next(filter(None, map(_start_ns, spans)), 0)
    figures = {
        "spans": len(spans),
        "errors": sum(span.status == STATUS_ERROR for span in spans),
        "start": start_ns // 1000,
        "duration": (max(map(_stop_ns, spans), default=start_ns) - start_ns) // 1000,
    }
    if len(spans) <= MOST_WHOLE:
        return {"figures": figures, "resourceSpans": resource_spans(spans)}
    return {"figures": figures, "columns": columns(spans), "resourceSpans": resource_spans(notable(spans, attributes))}


def columns(spans: Sequence[Span]) -> dict[str, Any]:
    """Return each field as a list; texts that repeat are numbers of ``rows`` in ``values``."""
    starts = list(map(_start_ns, spans))
    return {
        "id": [span.span_id.hex() for span in spans],
        "parent": [span.parent_id.hex() or None for span in spans],
        "service": _numbered(span.service for span in spans),
        "name": _numbered(span.name for span in spans),
        "kind": _numbered(_KINDS.get(span.kind, str(span.kind)) for span in spans),
        "status": _numbered(_STATUSES.get(span.status, str(span.status)) for span in spans),
        "start": [start // 1000 for start in starts],
        "duration": [(_stop_ns(span) - start) // 1000 for span, start in zip(spans, starts, strict=True)],
    }


def _start_ns(span: Span) -> int:
    return span.start_ns or span.end_ns


def _stop_ns(span: Span) -> int:
    return span.stop_ns if span.start_ns else span.end_ns


def _numbered(texts: Iterable[str]) -> dict[str, Any]:
    known: dict[str, int] = {}
    rows = [known.setdefault(text, len(known)) for text in texts]
    return {"values": list(known), "rows": rows}


def notable(spans: Sequence[Span], attributes: Sequence[str] = ()) -> list[Span]:
    """Return at most ``MOST_WHOLE`` spans that a summary needs.

    The first failed ones, and the first of each service, kind and status, exception, linked trace and attribute.
    """
    chosen = {id(span): span for name in attributes for span in _first_with(spans, name)}
    seen: set[object] = set()
    errors = 0
    for span in spans:
        if len(chosen) >= MOST_WHOLE:
            break
        facts = {(span.service, span.kind, span.status, not span.parent_id), *span.exceptions, *(one for one, _ in span.links)}
        errors += span.status == STATUS_ERROR
        if not facts <= seen or (span.status == STATUS_ERROR and errors <= _MOST_ERRORS):
            seen |= facts
            chosen[id(span)] = span
    return sorted(chosen.values(), key=_start_ns)


def _first_with(spans: Iterable[Span], attribute: str) -> list[Span]:
    name = attribute.encode()
    found = (span for span in spans if name in span.raw and any(item.key == attribute for item in span.message().attributes))
    return [span for span in (next(found, None),) if span is not None]
