"""Traces, logs, alerts and metrics."""

import math
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from console.page import request_params
from console.page.host_metrics import HostMetrics
from console.page.outlines import Outlines
from console.page.trace_statistics import self_times, service_map
from console.page.traces import MOST, MOST_LINKED, TraceQuery, Traces, linked_ids, summary
from console.page.upstream import Upstream
from vshop.kit.http.problems import Problem
from vshop.shop.business_metrics import STALE_S, of_shop, rose_from_zero
from vshop.shop.client import ShopClient

_FLUSH_WITHIN_S = 0.25
"""For new spans of the order timeline."""
_UNCORRELATED = ("time", "severity", "service", "body")

_Series = Mapping[str, Any]
STEP_S = 2
STEPS = 120
_COUNTERS = {
    "accepted": "shop.orders.placed",
    "handled": "shop.orders.handled",
    "rejected": "shop.orders.rejected",
    "deadLettered": "shop.orders.dead_lettered",
    "items": "shop.items.ordered",
    "errors": "shop.errors",
}


def trace_blueprint(outlines: Outlines, client: ShopClient, upstream: Upstream) -> Blueprint:
    """Make ``/api/traces/{id}``."""
    api = Blueprint("trace", __name__)

    @api.get("/api/traces/<trace_id>")
    def show(trace_id: str) -> Response:
        awaited = bool(request.args.get("awaited"))
        if awaited:
            client.flush(traces=[trace_id], within_s=_FLUSH_WITHIN_S)
        read = outlines.get if request.args.get("outline") else outlines.whole
        found = read(trace_id)
        if found is None:
            if awaited:
                return _json({"traceId": trace_id, "spans": [], "summary": None, "related": []})
            raise Problem(404, f"No span of the trace {trace_id[:40]} is stored: it has not arrived yet, or was dropped.")
        shown = found.view()
        if not request.args.get("related"):
            return _json(shown | {"related": []})
        related = outlines.related(found.trace, read)
        (alert,) = upstream.get("observatory", "/api/alerts", {"rule": "orders-not-handled", "traceId": trace_id})["alerts"]
        processed = any(span["kind"] == "CONSUMER" for one in related for span in one["spans"])
        waiting = alert["state"] == "firing" and not processed
        shown["moreLinked"] = max(0, len(linked_ids(found.trace)) - MOST_LINKED)
        return _json(shown | {"related": related, "unprocessed": waiting and shown["summary"]["endsAtKafka"]})

    @api.get("/api/traces/<trace_id>/spans")
    def show_spans(trace_id: str) -> Response:
        return _json({"spans": outlines.spans(trace_id, request_params.ids())})

    return api


def traces_blueprint(traces: Traces, upstream: Upstream) -> Blueprint:
    """Make ``/api/traces`` and what is computed from traces."""
    api = Blueprint("traces", __name__)

    @api.get("/api/traces")
    def search() -> dict[str, Any]:
        return {"traces": [summary(trace) for trace in traces.search(_query(200))]}

    @api.get("/api/stored")
    def stored() -> dict[str, Any]:
        return {"traces": upstream.get("observatory", "/api/telemetry")["traces"]["traces"]}

    @api.get("/api/services")
    def services() -> dict[str, Any]:
        return {"services": traces.reader.services()}

    @api.get("/api/operations")
    def operations() -> dict[str, Any]:
        return {"operations": traces.reader.operations(request.args.get("service", ""))}

    @api.get("/api/time")
    def self_time() -> dict[str, Any]:
        ids = request_params.ids()
        return self_times(traces.get(ids[:MOST]) if ids else traces.search(_query(MOST)))

    @api.get("/api/map")
    def call_map() -> dict[str, Any]:
        query = _query(MOST)
        found = traces.search(query)
        return service_map(found, time.time(), all_found=len(found) < query.limit)

    return api


def _json(content: Any) -> Response:
    return Response(msgspec.json.encode(content), mimetype="application/json")


def _query(most: int) -> TraceQuery:
    texts = {name: request.args.get(name, "").strip() for name in ("service", "operation", "exception", "order", "item", "user")}
    return TraceQuery(
        **texts,
        error=request.args.get("error") == "true",
        min_ms=_milliseconds("minMs"),
        max_ms=_milliseconds("maxMs"),
        start=_microseconds("start"),
        end=_microseconds("end"),
        limit=request_params.number("limit", 20, 1, most),
    )


def _microseconds(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 20 else None  # Python refuses to convert thousands of digits


def _milliseconds(name: str) -> float | None:
    text = request.args.get(name, "")
    try:
        return float(text) if text else None
    except ValueError as error:
        raise Problem(400, f"{name} ({text[:40]}) must be a number of milliseconds.", field=name) from error


def blueprint(upstream: Upstream, host: HostMetrics) -> Blueprint:
    """Make ``/api/logs``, ``/api/alerts``, ``/api/insights`` and ``/api/old-way``."""
    api = Blueprint("telemetry", __name__)

    def series(name: str, points: int) -> Sequence[_Series]:
        return list(upstream.get("observatory", "/api/metrics", {"name": name, "points": points})["series"])

    @api.get("/api/logs")
    def logs() -> Any:
        params = request_params.given("traceId", "spanId", "service", "severity", "search", "since")
        return upstream.get("observatory", "/api/logs", params | {"limit": request_params.number("limit", 200, 1, 1000)})

    @api.get("/api/alerts")
    def alerts() -> Any:
        return upstream.get("observatory", "/api/alerts", request_params.given("since"))

    @api.get("/api/insights")
    def show_insights() -> dict[str, Any]:
        return insights(lambda name: series(name, 240), time.time())

    @api.get("/api/old-way")
    def classic_monitoring() -> dict[str, Any]:
        lines = upstream.get("observatory", "/api/logs", request_params.given("search") | {"limit": 120})["records"]
        return {
            "host": host.read(),
            "kafka": {"partitions": len({tuple(one["attributes"].items()) for one in of_shop(series("shop.consumer.lag", 1))})},
            # Without trace ids: classic monitoring has none.
            "lines": [{name: line[name] for name in _UNCORRELATED} for line in reversed(lines)],
        }

    return api


def insights(read: Callable[[str], Sequence[_Series]], now: float) -> dict[str, Any]:
    """Compute business figures from the shop's metrics, which ``read`` returns by name.

    Returns ``totals`` since the services started, ``recent`` increases since the first time, and ``times`` in seconds since the
    epoch. For each: ``accepted`` and ``handled`` since the first, the ``lag`` or None, and the step's ``errors`` by exception.type.
    """
    end = math.ceil(now / STEP_S) * STEP_S  # includes the latest points
    times = [end - STEP_S * (STEPS - 1 - step) for step in range(STEPS)]
    found = {name: of_shop(read(metric)) for name, metric in _COUNTERS.items()}
    errors: dict[str, list[float]] = defaultdict(lambda: [0.0] * STEPS)
    for series in found["errors"]:
        kind = str(series["attributes"].get("exception.type") or series["attributes"].get("error.type") or "unknown")
        values = _values_at(series, times)
        steps = [0.0, *(max(0.0, after - before) for before, after in pairwise(values))]
        errors[kind] = [a + b for a, b in zip(errors[kind], steps, strict=True)]
    return {
        "stepS": STEP_S,
        "times": times,
        "totals": {
            name: sum(float(one["points"][-1]["value"]) for one in several if one["points"]) for name, several in found.items()
        },
        "recent": {name: _since_first(several, times)[-1] for name, several in found.items()},
        "accepted": _since_first(found["accepted"], times),
        "handled": _since_first(found["handled"], times),
        "lag": _latest_at(of_shop(read("shop.consumer.lag")), times),
        "errors": errors,
    }


def _values_at(series: _Series, times: Sequence[int]) -> list[float]:
    points = series["points"]
    stamps = [point["time"] / 1e6 for point in points]
    values = []
    for at in times:
        place = bisect_right(stamps, at)
        if place:
            values.append(float(points[place - 1]["value"]))
        else:
            not_started = series["type"] == "sum" and points and rose_from_zero(points[0], at * 1e6)
            values.append(0.0 if not_started or not points else float(points[0]["value"]))
    return values


def _sum_at(several: Iterable[_Series], times: Sequence[int]) -> list[float]:
    return [sum(column) for column in zip(*(_values_at(series, times) for series in several), strict=True)] or [0.0] * len(times)


def _latest_at(several: Iterable[_Series], times: Sequence[int]) -> list[float | None]:
    sums: list[float | None] = [None] * len(times)
    for series in several:
        stamps = [point["time"] / 1e6 for point in series["points"]]
        for step, at in enumerate(times):
            place = bisect_right(stamps, at)
            if place and at - stamps[place - 1] <= STALE_S:
                sums[step] = (sums[step] or 0.0) + float(series["points"][place - 1]["value"])
    return sums


def _since_first(several: Iterable[_Series], times: Sequence[int]) -> list[float]:
    total = _sum_at(several, times)
    return [value - total[0] for value in total]
