"""Traces, logs, alerts and metrics."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from console.page import request_params
from console.page.samplers import HostMetrics
from console.page.trace_statistics import self_times, service_map
from console.page.traces import MOST, MOST_LINKED, TraceQuery, Traces, linked_ids, summary
from vshop.kit.http.problems import Problem
from vshop.shop.business_metrics import ERRORS, LAG, STALE_S, Series, latest_point, of_shop, value_at
from vshop.shop.client import ShopClient

_FLUSH_WITHIN_S = 0.25
"""For new spans of the order timeline."""
_UNCORRELATED = ("time", "severity", "service", "body")

STEP_S = 2
STEPS = 120
_POINTS = 300
"""More than one a second: services that restart report in between."""
_COUNTERS = {
    "accepted": "shop.orders.placed",
    "handled": "shop.orders.handled",
    "rejected": "shop.orders.rejected",
    "deadLettered": "shop.orders.dead_lettered",
    "items": "shop.items.ordered",
    "errors": ERRORS,
}


def trace_blueprint(traces: Traces, client: ShopClient) -> Blueprint:
    """Make ``/api/traces/{id}``."""
    api = Blueprint("trace", __name__)

    @api.get("/api/traces/<trace_id>")
    def show(trace_id: str) -> Response:
        awaited, outline = bool(request.args.get("awaited")), bool(request.args.get("outline"))
        if awaited:
            client.flush(traces=[trace_id], within_s=_FLUSH_WITHIN_S)
        found = traces.read(trace_id, outline=outline)
        if found is None:
            if awaited:
                return _json({"traceId": trace_id, "spans": [], "summary": None, "related": []})
            raise Problem(404, f"No span of the trace {trace_id[:40]} is stored: it has not arrived yet, or was dropped.")
        if not request.args.get("related"):
            return _json(found.view | {"related": []})
        related = traces.related(found.trace, outline=outline)
        (alert,) = client.get("observatory", "/api/alerts", {"rule": "orders-not-handled", "traceId": trace_id})["alerts"]
        processed = any(span["kind"] == "CONSUMER" for one in related for span in one["spans"])
        waiting = alert["state"] == "firing" and not processed
        more = {"moreLinked": max(0, len(linked_ids(found.trace)) - MOST_LINKED), "related": related}
        return _json(found.view | more | {"unprocessed": waiting and found.view["summary"]["endsAtKafka"]})

    @api.get("/api/traces/<trace_id>/spans")
    def show_spans(trace_id: str) -> Response:
        return _json({"spans": traces.spans(trace_id, request_params.ids())})

    return api


def traces_blueprint(traces: Traces, client: ShopClient) -> Blueprint:
    """Make ``/api/traces`` and what is computed from traces."""
    api = Blueprint("traces", __name__)

    @api.get("/api/traces")
    def search() -> dict[str, Any]:
        return {"traces": [summary(trace) for trace in traces.search(_query(200))]}

    @api.get("/api/stored")
    def stored() -> dict[str, Any]:
        return {"traces": client.telemetry()["traces"]["traces"]}

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


def blueprint(client: ShopClient, host: HostMetrics) -> Blueprint:
    """Make ``/api/logs``, ``/api/alerts``, ``/api/insights``, ``/api/host`` and ``/api/old-way``."""
    api = Blueprint("telemetry", __name__)

    @api.get("/api/logs")
    def logs() -> Any:
        params = request_params.given("traceId", "spanId", "service", "severity", "search", "since")
        return {"records": client.logs(**params, limit=request_params.number("limit", 200, 1, 1000))}

    @api.get("/api/alerts")
    def alerts() -> Any:
        return client.get("observatory", "/api/alerts", request_params.given("since"))

    @api.get("/api/insights")
    def show_insights() -> dict[str, Any]:
        return insights(lambda name: client.metrics(name, points=_POINTS), time.time())

    @api.get("/api/host")
    def host_metrics() -> dict[str, Any]:
        return host.read()

    @api.get("/api/old-way")
    def classic_monitoring() -> dict[str, Any]:
        since = (time.time() - STALE_S) * 1e6
        lags = [one for one in of_shop(client.metrics(LAG, points=1)) if one["points"] and one["points"][-1]["time"] >= since]
        return {
            "kafka": {"partitions": len({tuple(one["attributes"].items()) for one in lags}) or None},
            # Without trace ids: classic monitoring has none.
            "lines": [
                {name: line[name] for name in _UNCORRELATED}
                for line in reversed(client.logs(**request_params.given("search"), limit=120))
            ],
        }

    return api


def insights(read: Callable[[str], Sequence[Series]], now: float) -> dict[str, Any]:
    """Compute business figures from the shop's metrics, which ``read`` returns by name.

    Returns ``totals`` since the services started, ``recent`` increases since the first time, and ``times`` in seconds since the
    epoch. For each: ``accepted`` and ``handled`` since the first, the ``lag`` or None, and the step's ``errors`` by exception.type.
    """
    end = math.ceil(now / STEP_S) * STEP_S  # includes the latest points
    times = [end - STEP_S * (STEPS - 1 - step) for step in range(STEPS)]
    found = {name: of_shop(read(metric)) for name, metric in _COUNTERS.items()}
    lags = of_shop(read(LAG))
    since_first = {name: _since_first(several, times) for name, several in found.items()}
    errors: dict[str, list[float]] = defaultdict(lambda: [0.0] * STEPS)
    for series in found["errors"]:
        kind = str(series["attributes"].get("exception.type") or series["attributes"].get("error.type") or "unknown")
        steps = (max(0.0, after - before) for before, after in pairwise(_since_first([series], times)))
        errors[kind] = [a + b for a, b in zip(errors[kind], (0.0, *steps), strict=True)]
    return {
        "stepS": STEP_S,
        "times": times,
        "totals": {name: sum(value_at(series, math.inf) for series in several) for name, several in found.items()},
        "recent": {name: values[-1] for name, values in since_first.items()},
        "accepted": since_first["accepted"],
        "handled": since_first["handled"],
        "lag": [_lag_at(lags, at) for at in times],
        "errors": errors,
    }


def _lag_at(several: Sequence[Series], at: int) -> float | None:
    latest = [point for series in several if (point := latest_point(series, at * 1e6)) and at - point["time"] / 1e6 <= STALE_S]
    return sum(float(point["value"]) for point in latest) if latest else None


def _since_first(several: Sequence[Series], times: Sequence[int]) -> list[float]:
    totals = [sum(value_at(series, at * 1e6) for series in several) for at in times]
    return [total - totals[0] for total in totals]
