"""Jaeger's query API version 3: services, operations, and traces as OTLP's JSON.

Definition: https://github.com/jaegertracing/jaeger-idl/blob/v0.6.0/proto/api_v3/query_service.proto;
adjustments: https://github.com/jaegertracing/jaeger/blob/v2.13.0/cmd/query/app/querysvc/v2/adjuster/standard.go.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Blueprint, Response, request

from observatory.jaeger import query_params, search
from observatory.jaeger.query_params import BadQueryError
from observatory.jaeger.v1_json import LIBRARY_KEYS, readable_ip, without_repeats
from observatory.query import json_response
from observatory.store.origins import Resource, Scope
from observatory.store.otlp import as_dict
from observatory.store.trace_store import STATUS_ERROR, Span, Trace, TraceStore

_NO_TRACE = "0" * 32


def blueprint(traces: TraceStore) -> Blueprint:
    """Build the endpoints."""
    api = Blueprint("jaeger_v3", __name__, url_prefix="/api/v3")
    api.register_error_handler(BadQueryError, lambda error: _failure(400, str(error)))

    @api.get("/services")
    def list_services() -> Response:
        names = traces.services()
        return json_response({"services": names} if names else {})

    @api.get("/operations")
    def list_operations() -> Response:
        given = query_params.v3(request.args, query_params.OPERATIONS_V3)
        found = traces.operations(given.get("service", ""), given.get("spanKind", ""))
        return json_response({"operations": [{"name": name, "spanKind": kind or "internal"} for name, kind in found]})

    @api.get("/traces/<path:trace_id>")
    def read_trace(trace_id: str) -> Response:
        raw = query_params.trace_params_v3(request.args)
        found = traces.trace(query_params.trace_id_v3(trace_id))
        return _result([found] if found else [], raw=raw)

    @api.get("/traces")
    def find_traces() -> Response:
        query, raw = query_params.search_v3(request.args)
        return _result(search.find(traces.traces(), query), raw=raw)

    @api.get("/trace-summaries")
    def find_summaries() -> Response:
        query, _ = query_params.search_v3(request.args)
        summaries = [_summary(trace) for trace in search.find(traces.traces(), query)]
        return json_response({"summaries": summaries} if summaries else {})

    return api


def _summary(trace: Trace) -> dict[str, Any]:
    """As Jaeger does: zeros and empty texts are left out, 64-bit numbers are text."""
    spans = without_repeats(trace.spans)
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
    return json_response({"result": {"resourceSpans": _resource_spans(found, raw=raw)}})


def _failure(status: int, message: str) -> Response:
    return json_response({"error": {"httpCode": status, "message": message}}, status)


def _resource_spans(traces: Sequence[Trace], *, raw: bool) -> list[dict[str, Any]]:
    return [group for trace in traces for group in resource_spans(trace.spans if raw else without_repeats(trace.spans), raw=raw)]


def resource_spans(spans: Iterable[Span], *, raw: bool = False) -> list[dict[str, Any]]:
    """Group spans by resource and scope. ``raw`` skips the adjustments."""
    resources: dict[Resource, dict[str, Any]] = {}
    scopes: dict[Scope, list[dict[str, Any]]] = {}
    for span in list(spans):  # a stored trace may grow meanwhile
        owner = span.scope.resource
        if owner not in resources:
            resources[owner] = {"resource": _resource(owner, raw=raw), "scopeSpans": []}
        if span.scope not in scopes:
            scopes[span.scope] = []
            resources[owner]["scopeSpans"].append({"scope": _scope(span.scope, raw=raw), "spans": scopes[span.scope]})
        scopes[span.scope].append(_span(span, resources[owner]["resource"], raw=raw))
    return list(resources.values())


def _resource(resource: Resource, *, raw: bool) -> dict[str, Any]:
    found = as_dict(resource.message())
    attributes = found.setdefault("attributes", [])
    service_name = next((item for item in attributes if item.get("key") == "service.name"), None)
    if service_name is None:
        service_name = {"key": "service.name"}
        attributes.append(service_name)
    service_name["value"] = {"stringValue": resource.service}
    return found if raw else _adjusted(found)


def _scope(scope: Scope, *, raw: bool) -> dict[str, Any]:
    found = as_dict(scope.message())
    return found if raw else _adjusted(found)


def _span(span: Span, resource: dict[str, Any], *, raw: bool) -> dict[str, Any]:
    found = as_dict(span.message())
    found["endTimeUnixNano"] = str(span.stop_ns)
    found.setdefault("status", {})
    if raw:
        return found
    _move_library_attributes(found, resource)
    _drop_empty_links(found)
    if "events" in found:
        found["events"] = sorted(map(_adjusted, found["events"]), key=lambda event: str(event.get("name", "")))
    return _adjusted(found)


def _move_library_attributes(span: dict[str, Any], resource: dict[str, Any]) -> None:
    kept = []
    for item in span.get("attributes", []):
        if item.get("key") not in LIBRARY_KEYS:
            kept.append(item)
            continue
        existing = next((other for other in resource["attributes"] if other.get("key") == item["key"]), None)
        if existing is None:
            resource["attributes"].append(item)
        elif existing.get("value") != item.get("value"):
            kept.append(item)
    if "attributes" in span:
        span["attributes"] = kept


def _drop_empty_links(span: dict[str, Any]) -> None:
    links = [_adjusted(link) for link in span.pop("links", []) if link.get("traceId", _NO_TRACE) != _NO_TRACE]
    if links:
        span["links"] = links


def _adjusted(owner: dict[str, Any]) -> dict[str, Any]:
    # Protobuf's JSON omits what is empty, also a key or a value.
    attributes = [{"key": "", "value": {}} | item for item in owner.pop("attributes", [])]
    if attributes:
        attributes.sort(key=lambda item: str(item["key"]))
        owner["attributes"] = [{"key": item["key"], "value": _readable_ip(item)} for item in attributes]
    return owner


def _readable_ip(item: dict[str, Any]) -> Any:
    value = item["value"]
    number_types: dict[str, tuple[int, Callable[[Any], Any]]] = {"intValue": (2, int), "doubleValue": (3, float)}
    for name, (type_index, parse) in number_types.items():
        if name in value:
            _, shown_type, text = readable_ip((item["key"], type_index, parse(value[name])))
            return {"stringValue": text} if shown_type == 0 else value
    return value
