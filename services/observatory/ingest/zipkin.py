"""Converts Zipkin's v2 JSON to OTLP, as the OpenTelemetry Collector's receiver does.

https://github.com/openzipkin/zipkin-api/blob/master/zipkin2-api.yaml;
https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/v0.165.0/pkg/translator/zipkin/zipkinv2/to_translator.go
"""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from observatory.ingest.otlp_json import parse_json

_KINDS = {"CLIENT": 3, "SERVER": 2, "PRODUCER": 4, "CONSUMER": 5}
_INTERNAL = 1
_STATUS = {"STATUS_CODE_OK": 1, "Ok": 1, "STATUS_CODE_ERROR": 2, "Error": 2}
_SCOPE_TAGS = ("otel.scope.name", "otel.library.name"), ("otel.scope.version", "otel.library.version")
_SERVICE_KEY_TAG = "otlp.service.name.source"
_RENAMED = {"http.status_code": "http.response.status_code", "faas.id": "cloud.resource_id"}
_RESOURCE_GROUPS = {
    "aws.ecs.": "container.arn cluster.arn launchtype task.arn task.family task.revision",
    "aws.": "eks.cluster.arn log.group.names log.group.arns log.stream.names log.stream.arns",
    "cloud.": "provider account.id region availability_zone platform resource_id",
    "container.": "name id runtime image.name image.tag",
    "device.": "id model.identifier model.name manufacturer",
    "faas.": "name id version instance max_memory",
    "host.": "id name type arch image.name image.id image.version",
    "k8s.": "cluster.name node.name node.uid namespace.name container.name container.restart_count",
    **{f"k8s.{one}.": "uid name" for one in ("pod", "replicaset", "deployment", "statefulset", "daemonset", "job", "cronjob")},
    "opencensus.": "starttime exporterversion resourcetype",
    "os.": "type description name version",
    "process.": "pid executable.name executable.path command command_line command_args owner",
    "process.runtime.": "name version description",
    "service.": "name namespace instance.id version",
    "telemetry.": "sdk.name sdk.language sdk.version auto.version",
    "webengine.": "name version description",
    "": "deployment.environment",
}
_RESOURCE_TAGS = frozenset(prefix + name for prefix, names in _RESOURCE_GROUPS.items() for name in names.split())
_MAX_LINKS = 128

_Text = str | None
_TraceId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{1,32}\Z")]
_SpanId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{1,16}\Z")]
_ParentId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{0,16}\Z")]
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
    trace_id: _TraceId
    id: _SpanId
    parent_id: _ParentId | None = None
    name: _Text = None
    kind: _Text = None
    timestamp: _Micros = None
    duration: _Micros = None
    local_endpoint: _Endpoint | None = None
    remote_endpoint: _Endpoint | None = None
    annotations: list[_Annotation] | None = None
    tags: dict[str, Any] | None = None


def requests(body: bytes) -> tuple[ExportTraceServiceRequest, int, list[str]]:
    """Convert a list of spans; return also how many could not be read, and the first reasons.

    Raises ValueError if the body is no JSON list.
    """
    message, rejected, errors = ExportTraceServiceRequest(), 0, list[str]()
    groups: dict[tuple[Any, ...], ScopeSpans] = {}
    for item in parse_json(body, list):
        try:
            _add(msgspec.convert(item, _ZipkinSpan, strict=False), message, groups)
        except (ValueError, TypeError, RecursionError) as error:
            rejected += 1
            if len(errors) < 3:
                errors.append(f"a Zipkin span was refused: {str(error)[:200]}")
    return message, rejected, errors


def _add(zipkin: _ZipkinSpan, message: ExportTraceServiceRequest, groups: dict[tuple[Any, ...], ScopeSpans]) -> None:
    tags = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (zipkin.tags or {}).items()}
    scope = [_first(tags, names) for names in _SCOPE_TAGS]
    resource = _resource(zipkin.local_endpoint, tags)
    span = _span(zipkin, tags)
    key = (*sorted(resource.items()), *scope)
    if key not in groups:
        of_resource = message.resource_spans.add()
        of_resource.resource.attributes.extend(_attributes(resource))
        groups[key] = of_resource.scope_spans.add(scope=InstrumentationScope(name=scope[0], version=scope[1]))
    groups[key].spans.append(span)


def _first(tags: dict[str, str], names: Iterable[str]) -> str:
    found = [tags.pop(name) for name in names if name in tags]
    return found[0] if found else ""


def _resource(endpoint: _Endpoint | None, tags: dict[str, str]) -> dict[str, str]:
    """The Collector loses them if a service's other span has none; each is kept here."""
    key, service = tags.pop(_SERVICE_KEY_TAG, "") or "service.name", endpoint.service_name if endpoint else ""
    found = {key: service} if service else {}
    return found | {_RENAMED.get(name, name): tags.pop(name) for name in sorted(_RESOURCE_TAGS & tags.keys())}


def _span(zipkin: _ZipkinSpan, tags: dict[str, str]) -> Span:
    start_us = zipkin.timestamp or 0
    span_id, parent_id = (bytes.fromhex(text.rjust(16, "0")) for text in (zipkin.id, zipkin.parent_id or ""))
    span = Span(
        trace_id=bytes.fromhex(zipkin.trace_id.rjust(32, "0")),
        span_id=span_id,
        parent_span_id=b"" if parent_id in {span_id, bytes(8)} else parent_id,
        name=zipkin.name or "",
        kind=_kind(zipkin.kind or "", tags),  # type: ignore[arg-type]
        trace_state=tags.pop("w3c.tracestate", ""),
        start_time_unix_nano=start_us * 1000,
        end_time_unix_nano=(start_us + (zipkin.duration or 0)) * 1000,
        status=_status(tags),
        events=[_event(one) for one in zipkin.annotations or ()],
        links=_links(tags),
    )
    attributes: dict[str, Any] = {_RENAMED.get(key, key): value for key, value in tags.items()}
    attributes |= {} if start_us else {"otel.zipkin.absentField.startTime": True}
    attributes |= _endpoint(zipkin.local_endpoint, "network.local.address", "net.host.port")
    attributes |= _endpoint(zipkin.remote_endpoint, "network.peer.address", "net.peer.port", "service.peer.name")
    span.attributes.extend(_attributes(attributes))
    return span


def _kind(kind: str, tags: dict[str, str]) -> int:
    if kind in _KINDS:
        return _KINDS[kind]
    return _INTERNAL if tags.pop("span.kind", "") == "internal" else 0


def _status(tags: dict[str, str]) -> Status:
    """A tag ``error`` with any value, even ``false``, means ERROR; its text stays a tag."""
    found = Status()
    if "otel.status_code" in tags:
        found.code = _STATUS.get(tags.pop("otel.status_code"), 0)  # type: ignore[assignment]
        found.message = tags.pop("otel.status_description", "")
    if "error" in tags:
        found.code = Status.STATUS_CODE_ERROR
        if tags["error"] == "true":
            del tags["error"]
    return found


def _event(annotation: _Annotation) -> Span.Event:
    """The Collector's exporter writes ``name|attributes|dropped attributes``."""
    text = annotation.value or ""
    found = Span.Event(time_unix_nano=(annotation.timestamp or 0) * 1000, name=text)
    name, _, rest = text.partition("|")
    attributes, bar, dropped = rest.rpartition("|")
    try:
        values, count = _attributes(parse_json(attributes, dict)), int(dropped)
        found.dropped_attributes_count = count
    except ValueError:
        return found  # text with bars of its own
    if bar:
        found.name = name
        found.attributes.extend(values)
    return found


def _links(tags: dict[str, str]) -> list[Span.Link]:
    """The Collector's exporter writes ``trace id|span id|state|attributes|dropped attributes``."""
    found = []
    for index in range(_MAX_LINKS):
        text = tags.get(f"otlp.link.{index}")
        if text is None:
            break
        trace_id, span_id, state, rest = [*text.split("|", 3), "", "", ""][:4]
        attributes, _, dropped = rest.rpartition("|")
        try:
            link = Span.Link(trace_id=_id(trace_id, 16), span_id=_id(span_id, 8), trace_state=state)
            link.attributes.extend(_attributes(parse_json(attributes, dict)))
            link.dropped_attributes_count = int(dropped)
        except ValueError:
            continue  # it stays a tag
        del tags[f"otlp.link.{index}"]
        found.append(link)
    return found


def _id(text: str, size: int) -> bytes:
    found = bytes.fromhex(text.strip('"'))
    if len(found) not in {0, size}:
        raise ValueError(f"{text!r} has not {size} bytes")
    return found


def _any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int | float) and abs(value) < 2**63:
        return AnyValue(int_value=int(value)) if value == int(value) else AnyValue(double_value=value)
    return AnyValue(string_value=value if isinstance(value, str) else json.dumps(value))


def _endpoint(endpoint: _Endpoint | None, address: str, port: str, service: str = "") -> dict[str, Any]:
    if endpoint is None:
        return {}
    found = {address: endpoint.ipv6 or endpoint.ipv4, port: endpoint.port, service: endpoint.service_name if service else None}
    return {key: value for key, value in found.items() if value}


def _attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in values.items()]
