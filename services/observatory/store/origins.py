"""What the stores share: resources and scopes, the byte limit, and the cut-off after a clear."""

import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from observatory.store import otlp
from observatory.store.otlp import decode

_LATE_NS = 60 * 10**9
"""An item older than this at a clear is not late: a recording is being replayed."""


class Resource(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """An OTLP resource. Equal bytes share one object."""

    service: str
    raw: bytes

    def message(self) -> ResourceMessage:
        """Decode the bytes."""
        return decode(ResourceMessage, self.raw)


class Scope(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """An instrumentation scope. Equal bytes share one object."""

    resource: Resource
    raw: bytes

    def message(self) -> InstrumentationScope:
        """Decode the bytes."""
        return decode(InstrumentationScope, self.raw)


class _Origins:
    def __init__(self) -> None:
        self._resources: weakref.WeakValueDictionary[bytes, Resource] = weakref.WeakValueDictionary()
        self._scopes: weakref.WeakValueDictionary[tuple[bytes, bytes], Scope] = weakref.WeakValueDictionary()
        self._uses: Counter[Scope] = Counter()
        self.size_bytes = 0

    def scope(self, resource: ResourceMessage, scope: InstrumentationScope) -> Scope:
        resource_raw, scope_raw = resource.SerializeToString(), scope.SerializeToString()
        found = self._scopes.get((resource_raw, scope_raw))
        if found is None:
            owner = self._resources.get(resource_raw)
            if owner is None:
                owner = self._resources.setdefault(resource_raw, Resource(_service_name(resource), resource_raw))
            found = self._scopes.setdefault((resource_raw, scope_raw), Scope(owner, scope_raw))
        return found

    def count(self, scope: Scope, uses: int) -> None:
        before = self._uses[scope]
        self._uses[scope] += uses
        if not before or not self._uses[scope]:
            self.size_bytes += uses * (len(scope.raw) + len(scope.resource.raw))
        if not self._uses[scope]:
            del self._uses[scope]

    def clear(self) -> None:
        self._uses.clear()
        self.size_bytes = 0


class BoundedStore:
    """The base of the stores."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._origins = _Origins()
        self._bytes = self._received = self._dropped = 0
        self._cleared_ns = 0

    def _items(self, resources: Iterable[Any], scopes: str, items: str) -> Iterator[tuple[Any, Scope]]:
        for of_resource in resources:
            for of_scope in getattr(of_resource, scopes):
                scope = self._origins.scope(of_resource.resource, of_scope.scope)
                for item in getattr(of_scope, items):
                    yield item, scope

    @property
    def _total_bytes(self) -> int:
        return self._bytes + self._origins.size_bytes

    def _is_late(self, start_ns: int) -> bool:
        """Of an item that started before the latest clear, the rest of the trace may be gone."""
        return 0 < self._cleared_ns - start_ns < _LATE_NS


def exception_type(attributes: Iterable[KeyValue]) -> str:
    """Return ``exception.type``; empty if it is missing."""
    value = otlp.find(attributes, "exception.type")
    return sys.intern(value.string_value) if value is not None else ""


def _service_name(resource: ResourceMessage) -> str:
    # The placeholders are Jaeger's: https://github.com/jaegertracing/jaeger/blob/v2.13.0/internal/jptrace/sanitizer/emptyservicename.go
    value = otlp.find(resource.attributes, "service.name")
    if value is None:
        return "missing-service-name"
    if value.WhichOneof("value") != "string_value":
        return "service-name-wrong-type"
    return value.string_value or "empty-service-name"
