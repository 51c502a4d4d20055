"""Jaeger's query API: ``/api/services``, ``/api/operations``, ``/api/traces``, ``/api/dependencies``.

It is not specified but stable: https://www.jaegertracing.io/docs/2.13/architecture/apis/#internal-http-json.
"""

from typing import Any

from flask import Blueprint, Response, request

from observatory import dependencies, jaeger_json, query_params, search
from observatory.answers import json_answer
from observatory.jaeger_references import trace_id_text
from observatory.query_params import BadQueryError
from observatory.trace_store import TraceStore


def blueprint(traces: TraceStore) -> Blueprint:
    """Make the endpoints that answer from a store of traces."""
    api = Blueprint("jaeger", __name__, url_prefix="/api")
    api.register_error_handler(BadQueryError, lambda error: _failure(400, str(error)))

    @api.get("/services")
    def services() -> Response:
        names = traces.services()
        return _answer(names or None, total=len(names))

    @api.get("/operations")
    def operations() -> Response:
        if not request.args.get("service"):
            raise BadQueryError("parameter 'service' is required")
        found = traces.operations(request.args["service"], request.args.get("spanKind", ""))
        return _answer([{"name": name, "spanKind": kind} for name, kind in found], total=len(found))

    @api.get("/services/<path:service>/operations")
    def operations_of(service: str) -> Response:
        names = sorted({name for name, _ in traces.operations(service)})
        return _answer(names or None, total=len(names))

    @api.get("/traces")
    def find() -> Response:
        ids = query_params.trace_ids(request.args)
        query, raw = query_params.search(request.args), query_params.flag(request.args, "raw")
        if ids:
            return _by_ids(traces, ids, raw=raw)
        if not query.service:
            raise BadQueryError("parameter 'service' is required")
        return _answer([jaeger_json.trace(trace, raw=raw) for trace in search.find(traces.traces(), query)])

    @api.get("/traces/<trace_id>")
    def one(trace_id: str) -> Response:
        found, raw = traces.trace(query_params.trace_id(trace_id)), query_params.flag(request.args, "raw")
        return _answer([jaeger_json.trace(found, raw=raw)]) if found else _failure(404, "trace not found")

    _add_service_map(api, traces)
    return api


def _add_service_map(api: Blueprint, traces: TraceStore) -> None:
    @api.get("/dependencies")
    def calls() -> Response:
        found = dependencies.links(traces.traces(), *query_params.dependencies_window_ns(request.args))
        service = request.args.get("service", "")
        return _answer(
            [
                {"parent": parent, "child": child, "callCount": count}
                for parent, child, count in found
                if service in {"", parent, child}
            ]
        )

    @api.get("/metrics/<any(latencies, calls, errors, minstep):_what>")
    def span_metrics(_what: str) -> Response:
        if _what != "minstep" and "service" not in request.args:
            raise BadQueryError("unable to parse param 'service': please provide at least one service name")
        return _failure(501, "metrics querying is currently disabled")


def _by_ids(traces: TraceStore, ids: list[bytes], *, raw: bool) -> Response:
    found = [traces.trace(trace_id) for trace_id in ids]
    missing = [trace_id for trace_id, trace in zip(ids, found, strict=True) if trace is None]
    errors = [{"msg": "trace not found", "traceID": trace_id_text(trace_id)} for trace_id in missing]
    return _answer([jaeger_json.trace(trace, raw=raw) for trace in found if trace], errors=errors or None)


def _answer(data: Any, *, total: int = 0, errors: list[dict[str, Any]] | None = None, status: int = 200) -> Response:
    return json_answer({"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}, status)


def _failure(status: int, message: str) -> Response:
    return _answer(None, errors=[{"code": status, "msg": message}], status=status)
