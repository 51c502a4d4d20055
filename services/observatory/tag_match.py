"""Tells whether a span has a tag, mostly without decoding the span."""

import base64
import binascii
import contextlib
import re

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory import attributes
from observatory.spans import KIND_NAMES, STATUS_ERROR, Scope, Span

_STATUS_NAMES = {1: "OK", 2: "ERROR"}
_DERIVED = frozenset({"error", "span.kind", "otel.status_code", "otel.status_description", "w3c.tracestate", "event"})


class TagMatch:
    """One ``key=value`` to look for: in the attributes of a span, of its events, its scope or its resource.

    So are tags that Jaeger shows though no attribute of that name was sent: ``span.kind``, ``otel.status_code``, ``error`` …
    """

    def __init__(self, key: str, value: str) -> None:
        """Prepare to look.

        Args:
            key: name of the tag.
            value: its value as text, as ``attributes.text`` writes it.
        """
        self._key, self._value = key, value
        self._key_bytes, self._value_bytes = key.encode(errors="replace"), value.encode(errors="replace")
        self._encodings = _encodings(key, value)
        self._scopes: dict[Scope, bool] = {}

    def __call__(self, span: Span) -> bool:
        """Look at a span."""
        scope_has_it = self._scopes.get(span.scope)
        if scope_has_it is None:
            scope_has_it = self._scopes[span.scope] = self._in_scope(span.scope)
        if self._key in _DERIVED:
            return self._derived(span) or scope_has_it
        if scope_has_it:
            return True
        raw = span.raw
        if self._key_bytes not in raw:
            return False
        # The bytes of the whole attribute cannot be missing where it is; that they are there may yet be chance.
        for encoding in self._encodings:
            if encoding in raw:
                return self._in_message(span.message())
        return False

    def _in_scope(self, scope: Scope) -> bool:
        message = scope.message()
        if (self._key, self._value) in {("otel.scope.name", message.name), ("otel.scope.version", message.version)} and self._value:
            return True
        if self._key == "service.name" and scope.resource.service == self._value:
            return True
        return self._among(message) or self._among(scope.resource.message())

    def _derived(self, span: Span) -> bool:
        key, value = self._key, self._value
        if key == "error" and value.lower() in {"true", "false"}:
            return (span.status == STATUS_ERROR) == (value.lower() == "true")
        if (key, value) in {("span.kind", KIND_NAMES.get(span.kind)), ("otel.status_code", _STATUS_NAMES.get(span.status))}:
            return True
        if self._value_bytes not in span.raw:
            return False
        message = span.message()
        if (key, value) in {("otel.status_description", message.status.message), ("w3c.tracestate", message.trace_state)}:
            return value != ""
        # Jaeger shows an event's name as a field of the key "event".
        return self._in_message(message) or (key == "event" and any(event.name == value for event in message.events))

    def _in_message(self, message: SpanMessage) -> bool:
        return self._among(message) or any(self._among(event) for event in message.events)

    def _among(self, owner: attributes.Owner) -> bool:
        found = attributes.find(owner.attributes, self._key)
        return found is not None and attributes.text(found) == self._value


def _encodings(key: str, value: str) -> list[bytes]:
    """List what the bytes of an attribute can hold whose text is the value; the key alone where that is not known."""
    if value == "" or value[0] in "[{" or value.startswith("json:"):
        return [key.encode(errors="replace")]
    values = [AnyValue(string_value=value.encode(errors="replace").decode())]
    if value in {"true", "false"}:
        values.append(AnyValue(bool_value=value == "true"))
    if re.fullmatch(r"-?[0-9]{1,19}", value) and -(2**63) <= int(value) < 2**63:
        values.append(AnyValue(int_value=int(value)))
    if re.fullmatch(r"-?[0-9]{1,400}(\.[0-9]{1,400})?(e[+-][0-9]{1,3})?", value):
        values.append(AnyValue(double_value=float(value)))
    with contextlib.suppress(binascii.Error, ValueError):
        values.append(AnyValue(bytes_value=base64.b64decode(value, validate=True)))
    return [KeyValue(key=key.encode(errors="replace").decode(), value=item).SerializeToString() for item in values]
