"""Our own JSON: logs, metrics, and what the stores hold."""

from collections.abc import Callable

from flask import Blueprint, Response, request

from observatory import go_format, log_search, metric_json, moments, query_params
from observatory.answers import json_answer
from observatory.forward import Forwarding
from observatory.log_search import SEVERITIES, LogQuery
from observatory.log_store import LogStore
from observatory.metric_store import MetricStore
from observatory.query_params import BadQueryError
from observatory.trace_store import TraceStore
from vshop.kit.problems import Problem

_HIGHEST_SEVERITY = 24  # https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber


def blueprint(
    traces: TraceStore, logs: LogStore, metrics: MetricStore, forwarding: Forwarding, now_ns: Callable[[], int]
) -> Blueprint:
    """Make the endpoints that answer from the three stores, empty them, and tell what was handed on."""
    api = Blueprint("telemetry", __name__)

    @api.get("/api/logs")
    def find_logs() -> Response:
        found = log_search.find(logs.records(), _log_query())
        return json_answer({"records": [log_search.as_json(record) for record in found]})

    @api.get("/api/metrics")
    def find_metrics() -> Response:
        try:
            latest = _integer("points", metrics.max_points)
        except ValueError as error:
            raise Problem(400, f"A parameter cannot be used: {error}") from error
        found = metrics.series(request.args.get("name", ""), request.args.get("service", ""), latest)
        return json_answer({"series": [metric_json.series(series, points) for series, points in found]})

    @api.get("/api/telemetry")
    def counts() -> Response:
        by_signal = {
            "spans": traces.counts_by_service(),
            "logRecords": logs.counts_by_service(),
            "metricPoints": metrics.counts_by_service(),
        }
        services = sorted({service for counts in by_signal.values() for service in counts})
        return json_answer(
            {
                "traces": traces.counts(),
                "logs": logs.counts(),
                "metrics": metrics.counts(),
                "forwarding": forwarding.counts(),
                "services": {
                    service: {signal: counts.get(service, 0) for signal, counts in by_signal.items()} for service in services
                },
            }
        )

    @api.delete("/api/telemetry")
    def clear() -> Response:
        now = now_ns()
        return json_answer({"traces": traces.clear(now), "logRecords": logs.clear(now), "metricPoints": metrics.clear()})

    return api


def _log_query() -> LogQuery:
    severity = request.args.get("severity", "").upper()
    try:
        return LogQuery(
            trace_id=_id("traceId", 16),
            span_id=_id("spanId", 8),
            service=request.args.get("service", ""),
            severity=SEVERITIES[severity] if severity in SEVERITIES else _integer("severity", 0, _HIGHEST_SEVERITY),
            search=request.args.get("search", ""),
            since_ns=_moment_ns("since"),
            limit=_integer("limit", LogQuery().limit),
        )
    except ValueError as error:
        raise Problem(400, f"A parameter cannot be used: {error}") from error


def _id(name: str, size: int) -> bytes:
    text = request.args.get(name, "")
    if not text:
        return b""
    try:
        found = query_params.trace_id(text)
    except BadQueryError as error:
        raise ValueError(f"{name}: {error}") from error
    if any(found[:-size]):
        raise ValueError(f"{name}: has more than {2 * size} digits")
    return found[-size:]


def _moment_ns(name: str) -> int:
    text = request.args.get(name, "")
    try:
        return moments.read(text) if text else 0
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _integer(name: str, default: int, most: int | None = None) -> int:
    text = request.args.get(name, "")
    try:
        number = go_format.parse_int(text) if text else default
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if number < 0:
        raise ValueError(f"{name}: must not be negative, received: {number}")
    if most is not None and number > most:
        raise ValueError(f"{name}: must be at most {most}, received: {number}")
    return number
