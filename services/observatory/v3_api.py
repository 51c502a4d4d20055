"""Jaeger's API of version 3: services, operations, and traces as OTLP's JSON.

Its definition: https://github.com/jaegertracing/jaeger-idl/blob/v0.6.0/proto/api_v3/query_service.proto.
"""

from collections.abc import Sequence

from flask import Blueprint, Response, request

from observatory import query_params, search, v3_json
from observatory.answers import json_answer
from observatory.query_params import BadQueryError
from observatory.trace_store import Trace, TraceStore


def blueprint(traces: TraceStore) -> Blueprint:
    """Make the endpoints that answer from a store of traces."""
    api = Blueprint("jaeger_v3", __name__, url_prefix="/api/v3")
    api.register_error_handler(BadQueryError, lambda error: _failure(400, str(error)))

    @api.get("/services")
    def services() -> Response:
        names = traces.services()
        return json_answer({"services": names} if names else {})

    @api.get("/operations")
    def operations() -> Response:
        found = traces.operations(request.args.get("service", ""), request.args.get("span_kind", ""))
        return json_answer({"operations": [{"name": name, "spanKind": kind} for name, kind in found]})

    @api.get("/traces/<trace_id>")
    def one(trace_id: str) -> Response:
        raw = query_params.flag_v3(request.args, "raw_traces")
        try:
            found = traces.trace(query_params.trace_id(trace_id))
        except BadQueryError as error:
            raise BadQueryError(f"malformed parameter trace_id: {error}") from error
        return _traces([found] if found else [], raw=raw)

    @api.get("/traces")
    def find() -> Response:
        query, raw = query_params.search_v3(request.args), query_params.flag_v3(request.args, "query.raw_traces")
        return _traces(search.find(traces.traces(), query), raw=raw)

    return api


def _traces(found: Sequence[Trace], *, raw: bool) -> Response:
    if not found:
        return _failure(404, "No traces found")
    return json_answer({"result": {"resourceSpans": v3_json.resource_spans(found, raw=raw)}})


def _failure(status: int, message: str) -> Response:
    return json_answer({"error": {"httpCode": status, "message": message}}, status)
