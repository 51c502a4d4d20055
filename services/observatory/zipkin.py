"""Converts Zipkin's v2 JSON to OTLP, as the OpenTelemetry Collector's receiver does.

https://github.com/openzipkin/zipkin-api/blob/master/zipkin2-api.yaml;
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/translator/zipkin/zipkinv2
"""

import json
from typing import Annotated, Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

_KINDS = {"CLIENT": 3, "SERVER": 2, "PRODUCER": 4, "CONSUMER": 5}
_TAG_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUS = {"STATUS_CODE_OK": 1, "OK": 1, "STATUS_CODE_ERROR": 2, "ERROR": 2}
_SCOPE_TAGS = ("otel.scope.name", "otel.library.name"), ("otel.scope.version", "otel.library.version")
_STATUS_TAGS = ("otel.status_code", "otel.status_description", "w3c.tracestate", "span.kind")

_Text = str | None
_Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{1,32}\Z")]
_Micros = Annotated[int, msgspec.Meta(ge=0, lt=2**63 // 1000)] | None


class _Endpoint(msgspec.Struct, rename="camel"):
    service_name: _Text = None
    ipv4: _Text = None
    ipv6: _Text = None
    port: int | None = None


class _Annotation(msgspec.Struct):
    timestamp: _Micros = None
    value: _Text = None


class _ZipkinSpan(msgspec.Struct, rename="camel"):
    trace_id: _Id
    id: _Id
    parent_id: _Id | None = None
    name: _Text = None
    kind: _Text = None
    timestamp: _Micros = None
    duration: _Micros = None
    debug: bool | None = None
    shared: bool | None = None
    local_endpoint: _Endpoint | None = None
    remote_endpoint: _Endpoint | None = None
    annotations: list[_Annotation] | None = None
    tags: dict[str, Any] | None = None


class ZipkinRequest(msgspec.Struct):
    """The spans as OTLP, and those that could not be read."""

    message: ExportTraceServiceRequest
    total: int
    rejected: int
    errors: list[str]


def requests(body: bytes) -> ZipkinRequest:
    """Convert a list of spans, without those that cannot be read. Raises ValueError if the body is no JSON list."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error)[:300]) from error
    if not isinstance(content, list):
        raise ValueError("it is not a list")  # noqa: TRY004 - a bad body
    found = ZipkinRequest(ExportTraceServiceRequest(), len(content), 0, [])
    groups: dict[tuple[str, str, str], ScopeSpans] = {}
    for item in content:
        try:
            zipkin = msgspec.convert(item, _ZipkinSpan, strict=False)
            _add(zipkin, found.message, groups)
        except (msgspec.ValidationError, ValueError, TypeError) as error:
            found.rejected += 1
            if len(found.errors) < 3:
                found.errors.append(f"a Zipkin span was refused: {str(error)[:200]}")
    return found


def _add(zipkin: _ZipkinSpan, message: ExportTraceServiceRequest, groups: dict[tuple[str, str, str], ScopeSpans]) -> None:
    tags = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (zipkin.tags or {}).items()}
    scope = [next((tags.pop(name) for name in names if name in tags), "") for names in _SCOPE_TAGS]
    service = (zipkin.local_endpoint.service_name if zipkin.local_endpoint else None) or ""
    span = _span(zipkin, tags)
    key = (service, scope[0], scope[1])
    if key not in groups:
        of_resource = ResourceSpans()
        if service:
            of_resource.resource.attributes.append(_attribute("service.name", service))
        message.resource_spans.append(of_resource)
        groups[key] = message.resource_spans[-1].scope_spans.add()
        groups[key].scope.name, groups[key].scope.version = scope
    groups[key].spans.append(span)


def _span(zipkin: _ZipkinSpan, tags: dict[str, str]) -> Span:
    start_us = zipkin.timestamp or min((one.timestamp or 0 for one in zipkin.annotations or ()), default=0)
    span = Span(
        trace_id=bytes.fromhex(zipkin.trace_id.rjust(32, "0")),
        span_id=bytes.fromhex(zipkin.id.rjust(16, "0")),
        parent_span_id=bytes.fromhex(zipkin.parent_id.rjust(16, "0")) if zipkin.parent_id else b"",
        name=zipkin.name or "",
        kind=_KINDS.get(zipkin.kind or "", _TAG_KINDS.get(tags.get("span.kind", "").lower(), 0)),  # type: ignore[arg-type]
        trace_state=tags.get("w3c.tracestate", ""),
        start_time_unix_nano=start_us * 1000,
        end_time_unix_nano=(start_us + (zipkin.duration or 0)) * 1000,
        status=_status(tags),
        events=[Span.Event(time_unix_nano=(one.timestamp or 0) * 1000, name=one.value or "") for one in zipkin.annotations or ()],
    )
    if not start_us:
        span.attributes.append(KeyValue(key="otel.zipkin.absentField.startTime", value=AnyValue(bool_value=True)))
    span.attributes.extend(_attribute(key, value) for key, value in tags.items() if key not in _STATUS_TAGS)
    span.attributes.extend(_endpoint(zipkin.local_endpoint, "host"))
    span.attributes.extend(_endpoint(zipkin.remote_endpoint, "peer"))
    if zipkin.remote_endpoint and zipkin.remote_endpoint.service_name:
        span.attributes.append(_attribute("peer.service", zipkin.remote_endpoint.service_name))
    return span


def _status(tags: dict[str, str]) -> Status:
    description = tags.get("otel.status_description", "")
    if "otel.status_code" in tags:
        return Status(code=_STATUS.get(tags["otel.status_code"].upper(), 0), message=description)  # type: ignore[arg-type]
    error = tags.get("error")
    if error is None or error.lower() == "false":
        return Status()
    tags.pop("error")
    return Status(code=Status.STATUS_CODE_ERROR, message=description or ("" if error.lower() == "true" else error))


def _endpoint(endpoint: _Endpoint | None, side: str) -> list[KeyValue]:
    if endpoint is None:
        return []
    prefix = f"net.{side}"
    address = endpoint.ipv4 or endpoint.ipv6
    found = [_attribute(f"{prefix}.ip", address)] if address else []
    return [*found, KeyValue(key=f"{prefix}.port", value=AnyValue(int_value=endpoint.port))] if endpoint.port else found


def _attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
