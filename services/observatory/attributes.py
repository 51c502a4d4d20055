"""Reads OTLP attributes (https://opentelemetry.io/docs/specs/otel/common/#anyvalue)."""

import base64
import math
from collections.abc import Iterable
from typing import Any, Protocol

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from observatory import go_format


class Owner(Protocol):
    """Any message that has attributes: a span, an event, a scope, a resource."""

    @property
    def attributes(self) -> Iterable[KeyValue]:
        """Its attributes."""


def plain(value: AnyValue) -> Any:
    """Turn an attribute's value into str, bool, int, float, bytes, list, dict, or None for an empty one."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    return getattr(value, kind)


def text(value: AnyValue) -> str:
    """Write an attribute's value as the collector does when it needs a string: ``true``, ``2.5``, ``["a",7]``, base64 for bytes."""
    found = plain(value)
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    if isinstance(found, bytes):
        return base64.b64encode(found).decode()
    if isinstance(found, float) and not math.isfinite(found):
        return f"json: unsupported value: {_go_name(found)}"
    try:
        return go_format.json_text(found)
    except ValueError:
        return ""  # a list with a NaN in it: the collector drops the error and keeps nothing


def as_json(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Turn attributes into a JSON object: bytes in base64, NaN and infinities as strings; of equal keys the last one counts."""
    return {item.key: json_value(plain(item.value)) for item in attributes}


def json_value(value: Any) -> Any:
    """Turn one plain value into what JSON can hold."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return _go_name(value)
    if isinstance(value, list):
        return [json_value(item) for item in value]
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    return value


def find(attributes: Iterable[KeyValue], key: str) -> AnyValue | None:
    """Find the first value of a key."""
    return next((item.value for item in attributes if item.key == key), None)


def _go_name(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
