"""Writes traces as Jaeger's ``/api/v3`` does: OTLP's JSON, ids in hex, after the same adjustments.

The adjustments: https://github.com/jaegertracing/jaeger/blob/v2.13.0/cmd/query/app/querysvc/v2/adjuster/standard.go.
"""

from collections.abc import Callable, Sequence
from typing import Any

from observatory import clock_skew, jaeger_tags, otlp_encode
from observatory.jaeger_json import negative_duration, without_repeats
from observatory.spans import Resource, Scope, Span
from observatory.trace_store import Trace

_WARNINGS = "@jaeger@warnings"
_NO_TRACE = "0" * 32


def resource_spans(traces: Sequence[Trace], *, raw: bool = False) -> list[dict[str, Any]]:
    """Write traces as OTLP's ``resourceSpans``: spans grouped by trace, resource and scope.

    Args:
        traces: the traces.
        raw: leave out the adjustments.
    """
    found: list[dict[str, Any]] = []
    for trace in traces:
        spans = list(trace.spans) if raw else without_repeats(trace.spans)
        skews = [[] for _ in spans] if raw else _skews(spans)
        resources: dict[Resource, dict[str, Any]] = {}
        scopes: dict[Scope, list[dict[str, Any]]] = {}
        for span, skew in zip(spans, skews, strict=True):
            owner = span.scope.resource
            if owner not in resources:
                resources[owner] = {"resource": _resource(owner, raw=raw), "scopeSpans": []}
            if span.scope not in scopes:
                scopes[span.scope] = []
                resources[owner]["scopeSpans"].append({"scope": _scope(span.scope, raw=raw), "spans": scopes[span.scope]})
            scopes[span.scope].append(_span(span, skew, resources[owner]["resource"], raw=raw))
        found.extend(resources.values())
    return found


def _skews(spans: Sequence[Span]) -> list[list[str]]:
    nodes = [
        clock_skew.Node(span.span_id, span.parent_id, span.start_ns, span.stop_ns - span.start_ns, _host(span.scope.resource))
        for span in spans
    ]
    return clock_skew.warnings(nodes, "parent span ID={} is not in the trace; skipping clock skew adjustment")


def _host(resource: Resource) -> str:
    if b"ip" not in resource.raw:
        return ""
    address = next(
        (jaeger_tags.readable_ip(tag) for tag in jaeger_tags.tags(resource.message().attributes) if tag[0] == "ip"), None
    )
    return address[2] if address and isinstance(address[2], str) else ""


def _resource(resource: Resource, *, raw: bool) -> dict[str, Any]:
    found = otlp_encode.as_dict(resource.message())
    attributes = found.setdefault("attributes", [])
    named = next((item for item in attributes if item.get("key") == "service.name"), None)
    if named is None:
        named = {"key": "service.name"}
        attributes.append(named)
    named["value"] = {"stringValue": resource.service}
    return found if raw else _adjusted(found)


def _scope(scope: Scope, *, raw: bool) -> dict[str, Any]:
    found = otlp_encode.as_dict(scope.message())
    return found if raw else _adjusted(found)


def _span(span: Span, skew: list[str], resource: dict[str, Any], *, raw: bool) -> dict[str, Any]:
    found = otlp_encode.as_dict(span.message())
    found["endTimeUnixNano"] = str(span.stop_ns)
    found.setdefault("status", {})
    warnings = negative_duration(span) + skew
    if not raw:
        warnings += _move_library_attributes(found, resource) + _drop_empty_links(found)
        if "events" in found:
            found["events"] = sorted(map(_adjusted, found["events"]), key=lambda event: str(event.get("name", "")))
        found = _adjusted(found)
    if warnings:
        values = {"values": [{"stringValue": warning} for warning in warnings]}
        found.setdefault("attributes", []).append({"key": _WARNINGS, "value": {"arrayValue": values}})
    return found


def _move_library_attributes(span: dict[str, Any], resource: dict[str, Any]) -> list[str]:
    conflicts, kept = [], []
    for item in span.get("attributes", []):
        if item.get("key") not in jaeger_tags.LIBRARY_KEYS:
            kept.append(item)
            continue
        held = next((other for other in resource["attributes"] if other.get("key") == item["key"]), None)
        if held is None:
            resource["attributes"].append(item)
        elif held.get("value") != item.get("value"):
            kept.append(item)
            conflicts.append(f"conflicting values between Span and Resource for attribute {item['key']}")
    if "attributes" in span:
        span["attributes"] = kept
    return conflicts


def _drop_empty_links(span: dict[str, Any]) -> list[str]:
    links = span.pop("links", [])
    kept = [_adjusted(link) for link in links if link.get("traceId", _NO_TRACE) != _NO_TRACE]
    if kept:
        span["links"] = kept
    return ["Invalid span link removed"] * (len(links) - len(kept))


def _adjusted(owner: dict[str, Any]) -> dict[str, Any]:
    # Protobuf's JSON leaves out what is empty, also a key or a value.
    attributes = [{"key": "", "value": {}} | item for item in owner.pop("attributes", [])]
    if attributes:
        attributes.sort(key=lambda item: str(item["key"]))
        owner["attributes"] = [{"key": item["key"], "value": _readable_ip(item)} for item in attributes]
    return owner


def _readable_ip(item: dict[str, Any]) -> Any:
    value = item["value"]
    read: dict[str, tuple[int, Callable[[Any], Any]]] = {"intValue": (2, int), "doubleValue": (3, float)}
    for name, (kind, parse) in read.items():
        if name in value:
            _, number, text = jaeger_tags.readable_ip((item["key"], kind, parse(value[name])))
            return {"stringValue": text} if number == 0 else value
    return value
