"""Traces for the page: search, one trace with what belongs to it, where time goes, and who calls whom."""

from typing import Any

import msgspec
from flask import Blueprint, request

from console.page import asked
from console.page.self_time import self_times
from console.page.service_map import service_map
from console.page.trace_reading import Trace, summary
from console.page.trace_search import MOST, Question, Traces
from vshop.kit.problems import Problem

_DIGITS = 20  # more of them are no time, and Python refuses to read thousands
_TEXTS = ("service", "operation", "exception", "order", "item", "user")


def blueprint(traces: Traces) -> Blueprint:
    """Make ``/api/traces``, ``/api/time`` and ``/api/map``.

    Args:
        traces: where they are read.
    """
    api = Blueprint("traces", __name__)

    @api.get("/api/traces")
    def search() -> dict[str, Any]:
        return {"traces": [summary(trace) for trace in traces.search(_question(200))]}

    @api.get("/api/traces/<trace_id>")
    def one(trace_id: str) -> dict[str, Any]:
        found = traces.get(trace_id)
        if not found and request.args.get("awaited"):
            return {"traceId": trace_id, "spans": [], "summary": None, "related": []}
        if not found:
            raise Problem(404, f"No span of the trace {trace_id[:40]} is held: not yet, or not any more.")
        trace = found[0]
        related = _related(traces, trace) if request.args.get("related") else []
        return {"traceId": trace[0].trace_id, "spans": _plain(trace), "summary": summary(trace), "related": related}

    @api.get("/api/services")
    def services() -> dict[str, Any]:
        return {"services": traces.services()}

    @api.get("/api/operations")
    def operations() -> dict[str, Any]:
        return {"operations": traces.operations(request.args.get("service", ""))}

    @api.get("/api/time")
    def where_time_goes() -> dict[str, Any]:
        ids = [one for one in request.args.get("ids", "").split(",") if one]
        return self_times(traces.get(*ids[:MOST]) if ids else traces.search(_question(MOST)))

    @api.get("/api/map")
    def calls() -> dict[str, Any]:
        return service_map(traces.search(_question(MOST)))

    return api


def _question(most: int) -> Question:
    texts = {name: request.args.get(name, "").strip() for name in _TEXTS}
    start = request.args.get("start", "")
    return Question(
        **texts,
        error=request.args.get("error") == "true",
        min_ms=_milliseconds("minMs"),
        max_ms=_milliseconds("maxMs"),
        start=int(start) if start.isdecimal() and len(start) < _DIGITS else None,
        limit=asked.number("limit", 20, 1, most),
    )


def _milliseconds(name: str) -> float | None:
    text = request.args.get(name, "")
    try:
        return float(text) if text else None
    except ValueError as error:
        raise Problem(400, f"{name} ({text[:40]}) must be a number of milliseconds.", field=name) from error


def _related(traces: Traces, trace: Trace) -> list[dict[str, Any]]:
    """Return the traces that this one's spans link to, and those about the same order."""
    own = trace[0].trace_id
    why = {link.trace_id: "link" for span in trace for link in span.links if link.trace_id != own}
    found = {one[0].trace_id: one for one in traces.get(*why)}
    order = summary(trace)["orderId"]
    for other in traces.other_half(order, trace) if order else ():
        name = other[0].trace_id
        if name != own and name not in found:
            found[name] = other
            linked = any(link.trace_id == own for span in other for link in span.links)
            why[name] = "linked from there" if linked else "same order, no link"
    return [{"traceId": name, "why": why[name], "spans": _plain(one), "summary": summary(one)} for name, one in found.items()]


def _plain(trace: Trace) -> Any:
    return msgspec.to_builtins(trace)
