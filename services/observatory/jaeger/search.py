"""Finds traces with a span that meets a query, mostly without decoding spans."""

import base64
import binascii
import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory.store import otlp
from observatory.store.origins import Scope
from observatory.store.trace_store import KIND_NAMES, STATUS_ERROR, STATUS_NAMES, Span, Trace

_DERIVED = frozenset({"error", "span.kind", "otel.status_code", "otel.status_description", "w3c.tracestate", "event"})


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One span of the trace must meet all of it.

    ``tags`` are attributes of the span, its events, scope or resource, as text. Durations of 0 mean any.
    """

    service: str = ""
    operation: str = ""
    tags: Mapping[str, str] = {}
    start_min_ns: int = 0
    start_max_ns: int = 2**63
    duration_min_ns: int = 0
    duration_max_ns: int = 0
    limit: int = 100


def find(traces: Sequence[Trace], query: Query) -> list[Trace]:
    """Find the latest traces. ``traces`` begins with the oldest, the result with the newest."""
    tags = [_TagMatch(key, value) for key, value in query.tags.items()]
    found: list[Trace] = []
    for trace in reversed(traces):
        if len(found) >= query.limit:
            break
        if _any_span_meets(trace, query, tags):
            found.append(trace)
    return found


def _any_span_meets(trace: Trace, query: Query, tags: "Sequence[_TagMatch]") -> bool:
    # Plain loops: a search spends its time here.
    for span in list(trace.spans):
        if not _meets(span, query):
            continue
        for tag in tags:
            if not tag.matches(span):
                break
        else:
            return True
    return False


def _meets(span: Span, query: Query) -> bool:
    if query.service and span.scope.resource.service != query.service:
        return False
    if query.operation and span.name != query.operation:
        return False
    if not query.start_min_ns <= span.start_ns <= query.start_max_ns:
        return False
    if not query.duration_min_ns and not query.duration_max_ns:
        return True
    duration_ns = span.stop_ns - span.start_ns
    return query.duration_min_ns <= duration_ns and (not query.duration_max_ns or duration_ns <= query.duration_max_ns)


class _TagMatch:
    """Searches also the tags that Jaeger derives, such as ``span.kind`` and ``error``."""

    def __init__(self, key: str, value: str) -> None:
        self._key, self._value = key, value
        self._key_bytes, self._value_bytes = key.encode(errors="replace"), value.encode(errors="replace")
        self._encodings = _encodings(key, value)
        self._scopes: dict[Scope, bool] = {}

    def matches(self, span: Span) -> bool:
        in_scope = self._scopes.get(span.scope)
        if in_scope is None:
            in_scope = self._scopes[span.scope] = self._in_scope(span.scope)
        if self._key in _DERIVED:
            return self._derived(span) or in_scope
        if in_scope:
            return True
        raw = span.raw
        if self._key_bytes not in raw:
            return False
        # Another attribute may contain the same bytes.
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
        return self._among(message.attributes) or self._among(scope.resource.message().attributes)

    def _derived(self, span: Span) -> bool:
        key, value = self._key, self._value
        if key == "error" and value.lower() in {"true", "false"}:
            return (span.status == STATUS_ERROR) == (value.lower() == "true")
        if (key, value) in {("span.kind", KIND_NAMES.get(span.kind)), ("otel.status_code", STATUS_NAMES.get(span.status))}:
            return True
        if self._value_bytes not in span.raw:
            return False
        message = span.message()
        if (key, value) in {("otel.status_description", message.status.message), ("w3c.tracestate", message.trace_state)}:
            return value != ""
        # Jaeger shows an event's name as the field "event".
        return self._in_message(message) or (key == "event" and any(event.name == value for event in message.events))

    def _in_message(self, message: SpanMessage) -> bool:
        return self._among(message.attributes) or any(self._among(event.attributes) for event in message.events)

    def _among(self, attributes: Iterable[KeyValue]) -> bool:
        found = otlp.find(attributes, self._key)
        if found is None or otlp.text(found) == self._value:
            return found is not None
        with contextlib.suppress(ValueError):
            return found.HasField("double_value") and float(self._value) == found.double_value  # in whatever notation
        return False


def _encodings(key: str, value: str) -> list[bytes]:
    if value == "" or value[0] in "[{" or value in otlp.NON_FINITE:
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
