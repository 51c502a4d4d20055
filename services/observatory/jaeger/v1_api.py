"""Jaeger's query API: ``/api/services``, ``/api/operations``, ``/api/traces``, ``/api/dependencies``, and the link to a trace.

https://www.jaegertracing.io/docs/2.13/architecture/apis/#internal-http-json
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import werkzeug
from flask import Blueprint, Response, redirect, request

from observatory.jaeger import query_params, search, v1_json
from observatory.jaeger.query_params import BadQueryError
from observatory.jaeger.v1_json import trace_id_text
from observatory.query import bad_param, json_response, parse_trace_id
from observatory.store.trace_store import Trace, TraceStore


def blueprint(traces: TraceStore) -> Blueprint:
    """Build the endpoints."""
    api = Blueprint("jaeger", __name__, url_prefix="/api")
    api.register_error_handler(BadQueryError, lambda error: _failure(400, str(error)))

    @api.get("/services")
    def list_services() -> Response:
        query_params.check_v1(request.args, "services")
        names = traces.services()
        return _envelope(names or None, total=len(names))

    @api.get("/operations")
    def list_operations() -> Response:
        query_params.check_v1(request.args, "operations")
        if not request.args.get("service"):
            raise BadQueryError("Parameter service is required")
        found = traces.operations(request.args["service"], request.args.get("spanKind", ""))
        return _envelope([{"name": name, "spanKind": kind} for name, kind in found], total=len(found))

    @api.get("/services/<path:service>/operations")
    def list_operation_names(service: str) -> Response:
        names = sorted({name for name, _ in traces.operations(service)})
        return _envelope(names or None, total=len(names))

    @api.get("/traces")
    def find_traces() -> Response:
        query_params.check_v1(request.args, "traces")
        ids = query_params.trace_ids(request.args)
        query, raw = query_params.search(request.args), query_params.flag(request.args, "raw")
        if ids:
            return _by_ids(traces, ids, raw=raw)
        if not query.service:
            raise BadQueryError("Parameter service is required")
        return _envelope([v1_json.trace(trace, raw=raw) for trace in search.find(traces.traces(), query)])

    @api.get("/traces/<trace_id>")
    def read_trace(trace_id: str) -> Response:
        query_params.check_v1(request.args, "trace")
        found, raw = traces.trace(query_params.trace_id(trace_id)), query_params.flag(request.args, "raw")
        return _envelope([v1_json.trace(found, raw=raw)]) if found else _failure(404, "trace not found")

    _add_calls(api, traces)
    return api


def _add_calls(api: Blueprint, traces: TraceStore) -> None:
    @api.get("/dependencies")
    def list_calls() -> Response:
        query_params.check_v1(request.args, "dependencies")
        calls = _count_calls(traces.traces(), *query_params.dependencies_window_ns(request.args))
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
            raise BadQueryError("Parameter service is required")
        return _failure(501, "The observatory computes no metrics from spans")


def link_blueprint(console_url: str) -> Blueprint:
    """Build ``/trace/<id>``, which redirects to the console, or to the trace's JSON."""
    api = Blueprint("trace_link", __name__)

    @api.get("/trace/<trace_id>")
    def show_trace(trace_id: str) -> werkzeug.Response:
        try:
            found = trace_id_text(parse_trace_id(trace_id))
        except ValueError as error:
            raise bad_param("traceId", error) from error
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
