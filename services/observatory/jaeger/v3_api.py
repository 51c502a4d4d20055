"""Jaeger's query API version 3: services, operations, and traces as OTLP's JSON.

Definition: https://github.com/jaegertracing/jaeger-idl/blob/v0.6.0/proto/api_v3/query_service.proto;
adjustments: https://github.com/jaegertracing/jaeger/blob/v2.13.0/cmd/query/app/querysvc/v2/adjuster/standard.go.
"""

import base64
import contextlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, Response, request
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory.jaeger import (
    DEFAULT_LIMIT,
    LIBRARY_KEYS,
    flag,
    make_ips_readable,
    parse_duration,
    parse_limit,
    parse_strings,
    search,
)
from observatory.jaeger.search import Query
from observatory.query import BadParamError, json_response, param, parse_trace_id
from observatory.store.origins import Resource, Scope
from observatory.store.otlp import as_dict, find
from observatory.store.trace_store import STATUS_ERROR, Span, Trace, TraceStore
from vshop.kit import times

_SEARCH = (
    *("query.serviceName", "query.operationName", "query.startTimeMin", "query.startTimeMax", "query.durationMin"),
    *("query.durationMax", "query.searchDepth", "query.rawTraces", "query.attributes"),
)
_TRACE = ("startTime", "endTime", "rawTraces")
_OPERATIONS = ("service", "spanKind")
_MAX_NS = 2**64 - 1


def blueprint(traces: TraceStore) -> Blueprint:
    """Build the endpoints."""
    api = Blueprint("jaeger_v3", __name__, url_prefix="/api/v3")
    api.register_error_handler(BadParamError, lambda error: _failure(400, str(error)))

    @api.get("/services")
    def list_services() -> Response:
        names = traces.services()
        return json_response({"services": names} if names else {})

    @api.get("/operations")
    def list_operations() -> Response:
        given = _params(_OPERATIONS)
        found = traces.operations(given.get("service", ""), given.get("spanKind", ""))
        return json_response({"operations": [{"name": name, "spanKind": kind or "internal"} for name, kind in found]})

    @api.get("/traces/<path:trace_id>")
    def read_trace(trace_id: str) -> Response:
        given = _params(_TRACE)
        for name in ("startTime", "endTime"):  # hints to a storage
            param(given, name, times.parse_rfc3339, 0)
        raw = flag(given, "rawTraces")
        found = traces.trace(_parse_trace_id(trace_id))
        return _result([found] if found else [], raw=raw)

    @api.get("/traces")
    def find_traces() -> Response:
        query, raw = _query()
        return _result(search.find(traces.traces(), query), raw=raw)

    @api.get("/trace-summaries")
    def find_summaries() -> Response:
        query, _ = _query()
        summaries = [_summary(trace) for trace in search.find(traces.traces(), query)]
        return json_response({"summaries": summaries} if summaries else {})

    return api


def _params(known: Sequence[str]) -> dict[str, str]:
    """Return the parameters by their newest spelling, or raise BadParamError for an unknown one."""
    spellings = {spelling: name for name in known for spelling in (name, re.sub("(?=[A-Z])", "_", name).lower())}
    if known is _SEARCH:
        spellings["query.num_traces"] = "query.searchDepth"
    for name in request.args:
        if name not in spellings and name != "prettyPrint":
            raise BadParamError(f"Parameter {name} is not supported. Known parameters: {', '.join(known)}")
    found: dict[str, str] = {}
    for spelling, name in spellings.items():
        if request.args.get(spelling):
            found.setdefault(name, request.args[spelling])
    return found


def _query() -> tuple[Query, bool]:
    """Parse a search; return also whether traces are wanted raw."""
    given = _params(_SEARCH)
    if "query.startTimeMin" not in given or "query.startTimeMax" not in given:
        raise BadParamError("query.startTimeMin and query.startTimeMax are required")
    query = Query(
        service=given.get("query.serviceName", ""),
        operation=given.get("query.operationName", ""),
        tags=param(given, "query.attributes", parse_strings, {}),
        start_min_ns=param(given, "query.startTimeMin", times.parse_rfc3339, 0),
        start_max_ns=param(given, "query.startTimeMax", times.parse_rfc3339, 0),
        duration_min_ns=param(given, "query.durationMin", parse_duration, 0),
        duration_max_ns=param(given, "query.durationMax", parse_duration, 0),
        limit=param(given, "query.searchDepth", parse_limit, DEFAULT_LIMIT),
    )
    if query.start_min_ns >= query.start_max_ns:
        raise BadParamError("query.startTimeMin must be before query.startTimeMax")
    return query, flag(given, "query.rawTraces")


def _parse_trace_id(text: str) -> bytes:
    """Parse a trace id, which may also be base64, as protobuf's JSON writes it."""
    with contextlib.suppress(BadParamError):
        return parse_trace_id(text)
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if set(text) & {"-", "_"} else None, validate=True)
    except ValueError as error:
        raise BadParamError(f"{text!r} is neither hexadecimal nor base64") from error
    if len(found) not in {8, 16}:
        raise BadParamError(f"{text!r} has not 8 or 16 bytes")
    return found.rjust(16, b"\0")


def _summary(trace: Trace) -> dict[str, Any]:
    """As Jaeger does: zeros and empty texts are left out, 64-bit numbers are text."""
    spans = list(trace.spans)
    ids = {span.span_id for span in spans}
    roots = [span for span in spans if not span.parent_id]
    root = min(roots, key=lambda span: span.start_ns) if roots else None
    by_service: dict[str, list[Span]] = {}
    for span in spans:
        by_service.setdefault(span.service, []).append(span)
    found = {
        "traceId": trace.id.hex(),
        "rootServiceName": root.service if root else "",
        "rootOperationName": root.name if root else "",
        "minStartTimeUnixNano": str(min(span.start_ns for span in spans) or ""),
        "maxEndTimeUnixNano": str(max(span.stop_ns for span in spans)),
        **_span_counts(spans),
        "orphanSpanCount": sum(span.parent_id != b"" and span.parent_id not in ids for span in spans),
        "services": [{"name": name, **_span_counts(items)} for name, items in sorted(by_service.items())],
    }
    return {name: value for name, value in found.items() if value}


def _span_counts(spans: Sequence[Span]) -> dict[str, int]:
    errors = sum(span.status == STATUS_ERROR for span in spans)
    return {"spanCount": len(spans)} | ({"errorSpanCount": errors} if errors else {})


def _result(found: Sequence[Trace], *, raw: bool) -> Response:
    if not found:
        return _failure(404, "No traces found")
    return json_response(
        {"result": {"resourceSpans": [group for trace in found for group in resource_spans(trace.spans, raw=raw)]}}
    )


def _failure(status: int, message: str) -> Response:
    return json_response({"error": {"httpCode": status, "message": message}}, status)


def resource_spans(spans: Iterable[Span], *, raw: bool = False) -> list[dict[str, Any]]:
    """Group spans by resource and scope. ``raw`` skips the adjustments."""
    resources: dict[Resource, ResourceSpans] = {}
    scopes: dict[Scope, ScopeSpans] = {}
    for span in list(spans):  # a stored trace may grow meanwhile
        owner = span.scope.resource
        if owner not in resources:
            resources[owner] = ResourceSpans(resource=_resource(owner))
            _adjust(resources[owner].resource, raw=raw)
        if span.scope not in scopes:
            scopes[span.scope] = resources[owner].scope_spans.add(scope=span.scope.message())
            _adjust(scopes[span.scope].scope, raw=raw)
        message = scopes[span.scope].spans.add()
        message.ParseFromString(span.raw)
        message.end_time_unix_nano = min(span.stop_ns, _MAX_NS)
        message.status.SetInParent()
        if not raw:
            _adjust_span(message, resources[owner].resource.attributes)
    return [as_dict(group) for group in resources.values()]


def _resource(resource: Resource) -> ResourceMessage:
    message = resource.message()
    name = find(message.attributes, "service.name") or message.attributes.add(key="service.name").value
    name.string_value = resource.service
    return message


def _adjust_span(message: SpanMessage, of_resource: Any) -> None:
    """Move the attributes that describe the process, and drop links without a trace."""
    for item in list(message.attributes):
        if item.key in LIBRARY_KEYS:
            existing = find(of_resource, item.key)
            if existing is None:
                of_resource.append(item)
            if existing is None or existing == item.value:
                message.attributes.remove(item)
    for link in list(message.links):
        if not any(link.trace_id):
            message.links.remove(link)
    for owner in (message, *message.events, *message.links):
        _adjust(owner)
    message.events.sort(key=lambda event: event.name)


def _adjust(owner: Any, *, raw: bool = False) -> None:
    if not raw:
        make_ips_readable(owner.attributes)
        owner.attributes.sort(key=lambda item: item.key)
