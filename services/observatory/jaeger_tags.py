"""Turns OTLP attributes, status, kind and scope into Jaeger's typed tags.

The mapping is the collector's: https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/
"""

import base64
import ipaddress
import math
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory import attributes
from observatory.spans import KIND_NAMES

Tag = tuple[str, int, Any]
"""Key, type (an index into TYPES) and value. Sorted as tuples they come in Jaeger's order: key, type, value."""

TYPES = ("string", "bool", "int64", "float64", "binary")
_TYPE_OF = {"string_value": 0, "bool_value": 1, "int_value": 2, "double_value": 3, "bytes_value": 4}

_JS_MAX_SAFE_INTEGER = 2**53 - 1
_IP_KEYS = frozenset({"ip", "peer.ipv4"})
_STATUS_NAMES = {1: "OK", 2: "ERROR"}

LIBRARY_KEYS = frozenset(
    {"telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version", "telemetry.distro.name", "telemetry.distro.version"}
)
"""Attributes that say something of the process, also where they stand on a span."""


def tag(key: str, value: AnyValue) -> Tag:
    """Turn one attribute into a tag: lists, maps and empty values become strings."""
    kind = value.WhichOneof("value") or ""
    number = _TYPE_OF.get(kind)
    return (key, 0, attributes.text(value)) if number is None else (key, number, getattr(value, kind))


def tags(items: Iterable[KeyValue]) -> list[Tag]:
    """Turn attributes into tags."""
    return [tag(item.key, item.value) for item in items]


def readable_ip(item: Tag) -> Tag:
    """Write an IPv4 address that came as a number the usual way; leave every other tag alone."""
    key, kind, value = item
    if key not in _IP_KEYS or TYPES[kind] not in {"int64", "float64"} or not math.isfinite(value):
        return item
    return (key, 0, str(ipaddress.IPv4Address(int(value) % 2**32)))


def of_span(message: SpanMessage, scope: InstrumentationScope) -> list[Tag]:
    """Collect the tags of a span: its attributes, and those that stand for its kind, status, scope and trace state."""
    found = tags(message.attributes)
    derived = (
        ("otel.scope.name", scope.name),
        ("otel.scope.version", scope.version),
        ("span.kind", KIND_NAMES.get(message.kind, "")),
        ("otel.status_code", _STATUS_NAMES.get(message.status.code, "")),
        ("otel.status_description", message.status.message),
        ("w3c.tracestate", message.trace_state),
    )
    found.extend((key, 0, value) for key, value in derived if value)
    if _STATUS_NAMES.get(message.status.code) == "ERROR":
        found.append(("error", 1, True))
    return found


def as_json(item: Tag) -> dict[str, Any]:
    """Write a tag as Jaeger's API does: integers that JavaScript would round as strings, bytes in base64."""
    key, kind, value = item
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    elif isinstance(value, float):
        value = _float(value)
    elif TYPES[kind] == "int64" and abs(value) > _JS_MAX_SAFE_INTEGER:
        value = str(value)
    return {"key": key, "type": TYPES[kind], "value": value}


def _float(value: float) -> float | int | str:
    if not math.isfinite(value):
        return str(attributes.json_value(value))
    # Go writes 3.0 as 3.
    return int(value) if value.is_integer() and abs(value) < 1e21 else value
