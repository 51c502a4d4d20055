"""Light views of what was received: enough to search by, and the OTLP bytes to decode the rest from when somebody asks.

The bytes of one span are three to four times smaller than its parsed message, and keep nothing else of its batch alive.
"""

import sys
import weakref

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from observatory import attributes
from observatory.protobuf import decode

KIND_NAMES = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
"""Span kinds as Jaeger names them; an unspecified kind has no name."""

STATUS_ERROR = 2

MAX_LINKS = 128
"""Most links of a span that are looked at, as many as an SDK sends (https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits)."""


class Resource(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """Who sent something. One object for all that came with equal bytes.

    Attributes:
        service: ``service.name``, or Jaeger's stand-in where it is missing, empty or no string.
        raw: the OTLP ``Resource``, serialised.
    """

    service: str
    raw: bytes

    def message(self) -> ResourceMessage:
        """Decode it."""
        return decode(ResourceMessage, self.raw)


class Scope(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """The instrumentation scope of one resource. One object for all that came with equal bytes.

    Attributes:
        resource: who sent it.
        raw: the OTLP ``InstrumentationScope``, serialised.
    """

    resource: Resource
    raw: bytes

    def message(self) -> InstrumentationScope:
        """Decode it."""
        return decode(InstrumentationScope, self.raw)


class Span(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One span.

    Attributes:
        trace_id: 16 bytes.
        span_id: 8 bytes.
        parent_id: 8 bytes, or none for a root.
        name: operation name.
        kind: OTLP's number, see KIND_NAMES.
        status: OTLP's number: 0 unset, 1 OK, 2 ERROR.
        start_ns: nanoseconds since the epoch.
        end_ns: nanoseconds since the epoch, as reported: it may lie before the start.
        scope: where it came from.
        links: trace and span id of each span that it links to.
        exceptions: types of the exceptions that were recorded on it as events.
        raw: the OTLP ``Span``, serialised.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    kind: int
    status: int
    start_ns: int
    end_ns: int
    scope: Scope
    links: tuple[tuple[bytes, bytes], ...]
    exceptions: tuple[str, ...]
    raw: bytes

    @property
    def service(self) -> str:
        """Name of the service that sent it."""
        return self.scope.resource.service

    @property
    def stop_ns(self) -> int:
        """Its end as Jaeger counts it: at least one nanosecond after the start."""
        return self.end_ns if self.end_ns > self.start_ns else self.start_ns + 1

    def message(self) -> SpanMessage:
        """Decode it: attributes, events, links and the rest."""
        return decode(SpanMessage, self.raw)


def light_view(message: SpanMessage, scope: Scope, trace_id: bytes) -> Span:
    """Make the light view of a span.

    Args:
        message: the span as it came.
        scope: where it came from.
        trace_id: its trace's id; the object is kept, so that a trace's spans share one.
    """
    parent_id = message.parent_span_id
    return Span(
        trace_id=trace_id,
        span_id=message.span_id,
        parent_id=parent_id if any(parent_id) else b"",
        # Few names occur often: interned, each is held once.
        name=sys.intern(message.name),
        kind=message.kind,
        status=message.status.code,
        start_ns=message.start_time_unix_nano,
        end_ns=message.end_time_unix_nano,
        scope=scope,
        links=tuple((link.trace_id, link.span_id) for link in message.links[:MAX_LINKS]),
        exceptions=_exceptions(message),
        raw=message.SerializeToString(),
    )


def _exceptions(message: SpanMessage) -> tuple[str, ...]:
    types = [exception_type(event) for event in message.events if event.name == "exception"]
    return tuple(kind for kind in types if kind)


def exception_type(owner: attributes.Owner) -> str:
    """Read ``exception.type`` of an event or a log record; empty where there is none."""
    value = attributes.find(owner.attributes, "exception.type")
    return sys.intern(value.string_value) if value is not None else ""


class Origins:
    """Hands out one Resource and one Scope object for equal bytes, for as long as anybody holds them."""

    def __init__(self) -> None:
        self._resources: weakref.WeakValueDictionary[bytes, Resource] = weakref.WeakValueDictionary()
        self._scopes: weakref.WeakValueDictionary[tuple[bytes, bytes], Scope] = weakref.WeakValueDictionary()

    def scope(self, resource: ResourceMessage, scope: InstrumentationScope) -> Scope:
        """Find or make the scope of a resource."""
        resource_raw, scope_raw = resource.SerializeToString(), scope.SerializeToString()
        found = self._scopes.get((resource_raw, scope_raw))
        if found is None:
            owner = self._resources.get(resource_raw)
            if owner is None:
                owner = self._resources.setdefault(resource_raw, Resource(_service_name(resource), resource_raw))
            found = self._scopes.setdefault((resource_raw, scope_raw), Scope(owner, scope_raw))
        return found


def _service_name(resource: ResourceMessage) -> str:
    # The stand-ins are Jaeger's: https://github.com/jaegertracing/jaeger/blob/v2.13.0/internal/jptrace/sanitizer/emptyservicename.go
    value = attributes.find(resource.attributes, "service.name")
    if value is None:
        return "missing-service-name"
    if value.WhichOneof("value") != "string_value":
        return "service-name-wrong-type"
    return value.string_value or "empty-service-name"
