"""Converts a trace to the JSON of Jaeger's ``/api/traces``, with the same adjustments but without warnings.

Types: https://github.com/jaegertracing/jaeger/blob/v2.13.0/internal/uimodel/model.go;
adjustments: https://github.com/jaegertracing/jaeger/blob/v2.13.0/cmd/query/app/querysvc/adjusters.go;
tags: https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory.jaeger import LIBRARY_KEYS, make_ips_readable
from observatory.store import otlp
from observatory.store.origins import Resource, Scope
from observatory.store.trace_store import KIND_NAMES, STATUS_ERROR, STATUS_NAMES, Span, Trace

Tag = tuple[str, int, Any]
"""Key, type (an index into _TYPES) and value. Tuples sort in Jaeger's order."""

_Process = tuple[str, tuple[Tag, ...]]
"""Service name and tags of ``p1``, ``p2``, …."""

_TYPES = ("string", "bool", "int64", "float64", "binary")
_TYPE_OF = {"string_value": 0, "bool_value": 1, "int_value": 2, "double_value": 3, "bytes_value": 4}

_JS_MAX_SAFE_INTEGER = 2**53 - 1

_CHILD_OF, _FOLLOWS_FROM = "CHILD_OF", "FOLLOWS_FROM"


def trace(stored: Trace, *, raw: bool = False) -> dict[str, Any]:
    """Convert a trace. ``raw`` keeps invalid references, and sorts nothing."""
    processes = _Processes(raw=raw)
    return {
        "traceID": trace_id_text(stored.id),
        "spans": [_span(span, processes) for span in list(stored.spans)],  # the trace may grow meanwhile
        "processes": processes.as_json(),
        "warnings": None,
    }


def trace_id_text(trace_id: bytes) -> str:
    """Return 32 hex digits, or 16 if the upper half is zero."""
    return trace_id[8:].hex() if trace_id.startswith(bytes(8)) and trace_id != b"" else trace_id.hex()


def _span(span: Span, processes: "_Processes") -> dict[str, Any]:
    message = span.message()
    if not processes.raw:
        make_ips_readable(message.attributes)
    tags = _span_tags(message, processes.scope(span.scope))
    moved: list[Tag] = []
    if not processes.raw:
        moved = [tag for tag in tags if tag[0] in LIBRARY_KEYS]
        tags = sorted(tag for tag in tags if tag[0] not in LIBRARY_KEYS)
    return {
        "traceID": trace_id_text(span.trace_id),
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": _references(span, message, raw=processes.raw),
        "startTime": span.start_ns // 1_000,
        "duration": (span.stop_ns - span.start_ns) // 1_000,
        "tags": [_tag_json(tag) for tag in tags],
        "logs": [_log(event, raw=processes.raw) for event in message.events],
        "processID": processes.key(span.scope.resource, moved),
        "warnings": None,
    }


def _log(event: SpanMessage.Event, *, raw: bool) -> dict[str, Any]:
    fields = _tags(event.attributes)
    if event.name and all(key != "event" for key, _, _ in fields):
        fields.insert(0, ("event", 0, event.name))
    if not raw:
        fields.sort(key=lambda field: (field[:2] != ("event", 0), field))
    return {"timestamp": event.time_unix_nano // 1_000, "fields": [_tag_json(field) for field in fields]}


def _references(span: Span, message: SpanMessage, *, raw: bool) -> list[dict[str, str]]:
    """A link to the parent adds no second reference but sets the kind of the first.

    https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/v0.140.0/pkg/translator/jaeger/traces_to_jaegerproto.go
    """
    parent = (span.trace_id, span.parent_id)
    found = [(_CHILD_OF, *parent)] if span.parent_id else []
    for link in message.links:
        link_kind = otlp.find(link.attributes, "opentracing.ref_type")
        kind = _CHILD_OF if link_kind is not None and link_kind.string_value == "child_of" else _FOLLOWS_FROM
        if span.parent_id and (link.trace_id, link.span_id) == parent:
            found[0] = (kind, *parent)
        elif raw or any(link.trace_id):
            found.append((kind, link.trace_id, link.span_id))
    inside = [] if raw else [i for i, (_, trace_id, _) in enumerate(found) if trace_id == span.trace_id]
    if inside:  # Jaeger's page takes the first reference for the parent
        swap = next((i for i in inside if found[i][0] == _CHILD_OF), inside[0])
        found[0], found[swap] = found[swap], found[0]
    return [{"refType": kind, "traceID": trace_id_text(trace_id), "spanID": span_id.hex()} for kind, trace_id, span_id in found]


class _Processes:
    def __init__(self, *, raw: bool) -> None:
        self.raw = raw
        self.scope = cache(Scope.message)
        self._tags = cache(self._resource_tags)
        self._keys: dict[_Process, str] = {}

    def key(self, resource: Resource, moved: Sequence[Tag]) -> str:
        tags = [*self._tags(resource), *moved]
        if not self.raw:
            tags.sort()
        return self._keys.setdefault((resource.service, tuple(tags)), f"p{len(self._keys) + 1}")

    def _resource_tags(self, resource: Resource) -> list[Tag]:
        attributes = resource.message().attributes
        if not self.raw:
            make_ips_readable(attributes)
        return [tag for tag in _tags(attributes) if tag[0] != "service.name"]

    def as_json(self) -> dict[str, Any]:
        return {
            key: {"serviceName": service, "tags": [_tag_json(tag) for tag in tags]} for (service, tags), key in self._keys.items()
        }


def _tags(items: Iterable[KeyValue]) -> list[Tag]:
    found: list[Tag] = []
    for item in items:
        kind = item.value.WhichOneof("value") or ""
        number = _TYPE_OF.get(kind)
        found.append((item.key, 0, otlp.text(item.value)) if number is None else (item.key, number, getattr(item.value, kind)))
    return found


def _span_tags(message: SpanMessage, scope: InstrumentationScope) -> list[Tag]:
    found = _tags(message.attributes)
    derived = (
        ("otel.scope.name", scope.name),
        ("otel.scope.version", scope.version),
        ("span.kind", KIND_NAMES.get(message.kind, "")),
        ("otel.status_code", STATUS_NAMES.get(message.status.code, "")),
        ("otel.status_description", message.status.message),
        ("w3c.tracestate", message.trace_state),
    )
    found.extend((key, 0, value) for key, value in derived if value)
    if message.status.code == STATUS_ERROR:
        found.append(("error", 1, True))
    return found


def _tag_json(item: Tag) -> dict[str, Any]:
    """Integers that JavaScript would round become strings."""
    key, kind, value = item
    if _TYPES[kind] == "int64" and abs(value) > _JS_MAX_SAFE_INTEGER:
        value = str(value)
    return {"key": key, "type": _TYPES[kind], "value": otlp.json_value(value)}
