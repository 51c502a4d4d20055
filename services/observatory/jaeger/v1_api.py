"""Jaeger's query API: ``/api/services``, ``/api/operations``, ``/api/traces``, ``/api/dependencies``, and the link to a trace.

https://www.jaegertracing.io/docs/2.13/architecture/apis/#internal-http-json
"""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import werkzeug
from flask import Blueprint, Response, redirect, request
from werkzeug.datastructures import MultiDict

from observatory.jaeger import DEFAULT_LIMIT, flag, parse_duration, parse_limit, parse_strings, search, v1_json
from observatory.jaeger.search import Query
from observatory.jaeger.v1_json import trace_id_text
from observatory.query import BadParamError, json_response, param, parse_integer, parse_trace_id, parse_value
from observatory.store.trace_store import Trace, TraceStore

Params = MultiDict[str, str]

_DEFAULT_LOOKBACK_NS = 48 * 3600 * 10**9
_PARAMS = {
    "traces": {
        *("service", "operation", "tag", "tags", "start", "end", "lookback", "minDuration", "maxDuration", "limit"),
        *("traceID", "raw"),
    },
    "trace": {"raw", "start", "end"},
    "operations": {"service", "spanKind"},
    "dependencies": {"endTs", "lookback", "service"},
    "services": set[str](),
}
_PAGE_PARAMS = frozenset({"span", "view", "sortBy", "cohort", "embed"})
"""Jaeger's page adds its own address's parameters to its searches, and those that begin with ``ui``."""


def blueprint(traces: TraceStore) -> Blueprint:
    """Build the endpoints."""
    api = Blueprint("jaeger", __name__, url_prefix="/api")
    api.register_error_handler(BadParamError, lambda error: _failure(400, str(error)))

    @api.get("/services")
    def list_services() -> Response:
        _check(request.args, "services")
        names = traces.services()
        return _envelope(names or None, total=len(names))

    @api.get("/operations")
    def list_operations() -> Response:
        _check(request.args, "operations")
        if not request.args.get("service"):
            raise BadParamError("Parameter service is required")
        found = traces.operations(request.args["service"], request.args.get("spanKind", ""))
        return _envelope([{"name": name, "spanKind": kind} for name, kind in found], total=len(found))

    @api.get("/services/<path:service>/operations")
    def list_operation_names(service: str) -> Response:
        names = sorted({name for name, _ in traces.operations(service)})
        return _envelope(names or None, total=len(names))

    @api.get("/traces")
    def find_traces() -> Response:
        _check(request.args, "traces")
        ids = [parse_trace_id(text) for text in request.args.getlist("traceID")]
        query, raw = _query(request.args), flag(request.args, "raw")
        if ids:
            return _by_ids(traces, ids, raw=raw)
        if not query.service:
            raise BadParamError("Parameter service is required")
        return _envelope([v1_json.trace(trace, raw=raw) for trace in search.find(traces.traces(), query)])

    @api.get("/traces/<trace_id>")
    def read_trace(trace_id: str) -> Response:
        _check(request.args, "trace")
        found, raw = traces.trace(parse_trace_id(trace_id)), flag(request.args, "raw")
        return _envelope([v1_json.trace(found, raw=raw)]) if found else _failure(404, "trace not found")

    _add_calls(api, traces)
    return api


def _add_calls(api: Blueprint, traces: TraceStore) -> None:
    @api.get("/dependencies")
    def list_calls() -> Response:
        _check(request.args, "dependencies")
        calls = _count_calls(traces.traces(), *_calls_window_ns(request.args))
        service = request.args.get("service", "")
        return _envelope(
            [
                {"parent": parent, "child": child, "callCount": count}
                for (parent, child), count in sorted(calls.items())
                if service in {"", parent, child}
            ]
        )

    @api.get("/metrics/<any(latencies, calls, errors, minstep):what>")
    def span_metrics(what: str) -> Response:
        if what != "minstep" and "service" not in request.args:
            raise BadParamError("Parameter service is required")
        return _failure(501, "The observatory computes no metrics from spans")


def link_blueprint(console_url: str) -> Blueprint:
    """Build ``/trace/<id>``, which redirects to the console, or to the trace's JSON."""
    api = Blueprint("trace_link", __name__)

    @api.get("/trace/<trace_id>")
    def show_trace(trace_id: str) -> werkzeug.Response:
        found = trace_id_text(parse_value("traceId", trace_id, parse_trace_id))
        return redirect(f"{console_url.rstrip('/')}/traces/{found}" if console_url else f"/api/traces/{found}?prettyPrint=true")

    return api


def _by_ids(traces: TraceStore, ids: list[bytes], *, raw: bool) -> Response:
    found = [traces.trace(trace_id) for trace_id in ids]
    missing = [trace_id for trace_id, trace in zip(ids, found, strict=True) if trace is None]
    errors = [{"msg": "trace not found", "traceID": trace_id_text(trace_id)} for trace_id in missing]
    return _envelope([v1_json.trace(trace, raw=raw) for trace in found if trace], errors=errors or None)


def _count_calls(traces: Iterable[Trace], start_ns: int, end_ns: int) -> Counter[tuple[str, str]]:
    calls: Counter[tuple[str, str]] = Counter()
    for trace in traces:
        spans = list(trace.spans)
        if min(span.start_ns for span in spans) <= start_ns or max(span.stop_ns for span in spans) >= end_ns:
            continue
        services: dict[bytes, str] = {}
        for span in spans:
            services.setdefault(span.span_id, span.service)
        calls.update((services[span.parent_id], span.service) for span in spans if span.parent_id in services)
    return calls


def _envelope(data: Any, *, total: int = 0, errors: list[dict[str, Any]] | None = None, status: int = 200) -> Response:
    return json_response({"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}, status)


def _failure(status: int, message: str) -> Response:
    return _envelope(None, errors=[{"code": status, "msg": message}], status=status)


def _check(params: Params, endpoint: str) -> None:
    """Raise BadParamError for a parameter that is unknown here."""
    for name in params:
        if name not in _PARAMS[endpoint] | _PAGE_PARAMS and name != "prettyPrint" and not name.startswith("ui"):
            raise BadParamError(f"Parameter {name} is not supported. Known parameters: {', '.join(sorted(_PARAMS[endpoint]))}")


def _query(params: Params) -> Query:
    start_ns, end_ns = _window_ns(params)
    query = Query(
        service=params.get("service", ""),
        operation=params.get("operation", ""),
        tags=_tags(params),
        start_min_ns=start_ns,
        start_max_ns=end_ns,
        duration_min_ns=param(params, "minDuration", parse_duration, 0),
        duration_max_ns=param(params, "maxDuration", parse_duration, 0),
        limit=param(params, "limit", parse_limit, DEFAULT_LIMIT),
    )
    if query.duration_min_ns and query.duration_max_ns and query.duration_max_ns < query.duration_min_ns:
        raise BadParamError("maxDuration is less than minDuration")
    return query


def _window_ns(params: Params) -> tuple[int, int]:
    now_ns = time.time_ns()
    end_ns = param(params, "end", lambda text: parse_integer(text) * 1_000, now_ns)
    lookback_ns = _DEFAULT_LOOKBACK_NS
    # Jaeger's page sends lookback, which may be "custom", beside start and end.
    with contextlib.suppress(ValueError):
        days = re.fullmatch(r"(\d{1,5})d", params.get("lookback", ""))
        lookback_ns = int(days[1]) * 24 * 3600 * 10**9 if days else parse_duration(params.get("lookback", ""))
    return param(params, "start", lambda text: parse_integer(text) * 1_000, now_ns - lookback_ns), end_ns


def _tags(params: Params) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in params.getlist("tag"):
        key, colon, value = text.partition(":")
        if not colon:
            raise BadParamError(f"Parameter tag is invalid: {text!r} is not key:value")
        found[key] = value
    for text in params.getlist("tags"):
        found |= parse_value("tags", text, parse_strings)
    return found


def _calls_window_ns(params: Params) -> tuple[int, int]:
    end_ns = param(params, "endTs", lambda text: parse_integer(text) * 10**6, time.time_ns())
    return end_ns - param(params, "lookback", lambda text: parse_integer(text) * 10**6, 24 * 3600 * 10**9), end_ns
