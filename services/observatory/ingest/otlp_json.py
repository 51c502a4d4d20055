"""Reads OTLP's JSON. A bad item does not spoil its request; the response names what was left out.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import base64
import binascii
import json
import re
from typing import Any, TypeVar

from observatory.store.otlp import ParseDict, ParseError

_Request = TypeVar("_Request")
_Json = TypeVar("_Json", dict[str, Any], list[Any])

_ID_KEYS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})
_ITEMS = frozenset({"spans", "log_records", "data_points"})
_GROUPS = frozenset(
    {
        *("resource_spans", "scope_spans", "resource_logs", "scope_logs", "resource_metrics", "scope_metrics", "metrics"),
        *("resource", "scope", "attributes", "gauge", "sum", "histogram", "exponential_histogram", "summary"),
    }
)
"""Fields that are read part by part."""

# ParseDict raises AttributeError for a list in place of an object.
_ERRORS = (ValueError, TypeError, AttributeError, RecursionError, ParseError)


def parse_json(text: str | bytes, kind: type[_Json]) -> _Json:
    """Parse a JSON object or list, or raise ValueError."""
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError(str(error)) from error
    if not isinstance(content, kind):
        raise ValueError(f"it is not {'a list' if kind is list else 'an object'}")  # noqa: TRY004 - a bad body
    return content


def read_json(body: bytes, kind: type[_Request]) -> tuple[_Request, int, list[str]]:
    """Read all that can be read; return also how many items could not be read, and the first reasons.

    Raises ValueError if the body is not a JSON object, or nothing in it can be read.
    """
    reader, message = _Reader(), kind()
    reader.fill(parse_json(body, dict), message)
    if reader.errors and not reader.read and not reader.rejected:
        raise ValueError(reader.errors[0])
    return message, reader.rejected, reader.errors


class _Reader:
    def __init__(self) -> None:
        self.read = self.rejected = 0
        self.errors: list[str] = []

    def fill(self, content: Any, message: Any) -> None:
        if not isinstance(content, dict):
            self._fail(f"{message.DESCRIPTOR.name} is not an object")
            return
        fields = {key: field for field in message.DESCRIPTOR.fields for key in (field.json_name, field.name)}
        for key, value in content.items():
            field = fields.get(key)
            if field is None or value is None:
                continue
            if field.name not in _ITEMS | _GROUPS:
                self._parse({key: value}, message)
            elif not field.is_repeated:
                part = getattr(message, field.name)
                part.SetInParent()
                self.fill(value, part)
            elif isinstance(value, list):
                self._fill_list(field.name, value, getattr(message, field.name))
            else:
                self._fail(f"{key} is not a list")

    def _fill_list(self, name: str, content: list[Any], parts: Any) -> None:
        for one in content:
            part = parts.add()
            if name in _GROUPS and name != "attributes":
                self.fill(one, part)
            elif not self._parse(one, part):
                del parts[-1]
                self.rejected += name in _ITEMS
            else:
                self.read += name in _ITEMS

    def _parse(self, content: Any, message: Any) -> bool:
        try:
            ParseDict(_with_base64_ids(content), message, ignore_unknown_fields=True)
        except _ERRORS as error:
            self._fail(str(error))
            return False
        return True

    def _fail(self, reason: str) -> None:
        if len(self.errors) < 3:
            self.errors.append(reason[:300])


def _with_base64_ids(value: Any) -> Any:
    """Convert ids from hex to protobuf's base64, or raise ValueError."""
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    if isinstance(value, dict):
        return {key: _base64(key, item) if key in _ID_KEYS else _with_base64_ids(item) for key, item in value.items()}
    return value


def _base64(key: str, value: Any) -> Any:
    try:
        # Unlike bytes.fromhex, unhexlify refuses spaces.
        return base64.b64encode(binascii.unhexlify(value)).decode() if isinstance(value, str) else value
    except ValueError as error:
        shown = re.sub(r"[^ -~]", "?", value[:64])
        raise ValueError(f"{key} is not hexadecimal: {shown!r}") from error
