"""What the stores share: resources and scopes, the byte limit, and the cut-off after a clear."""

import sys
import threading
import weakref
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from observatory.store import otlp
from observatory.store.otlp import SIGNALS, Signal, decode

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


class Item(msgspec.Struct, frozen=True, eq=False, gc=False, kw_only=True):
    """A stored span or log record; ``raw`` is OTLP."""

    trace_id: bytes
    span_id: bytes
    scope: Scope
    raw: bytes

    @property
    def service(self) -> str:
        """Service name."""
        return self.scope.resource.service


class BoundedStore(ABC):
    """The base of the stores. Thread-safe; ``max_bytes`` of OTLP, with the resources and scopes in use."""

    signal: ClassVar[Signal]

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self.max_items, self.max_bytes = max_items, max_bytes
        self._lock = threading.Lock()
        self._resources: weakref.WeakValueDictionary[bytes, Resource] = weakref.WeakValueDictionary()
        self._scopes: weakref.WeakValueDictionary[tuple[bytes, bytes], Scope] = weakref.WeakValueDictionary()
        self._uses: Counter[Scope] = Counter()
        self._items = self._bytes = self._received = self._refused = self._dropped = 0
        self._cleared_ns = 0

    def add(self, request: Any) -> int:
        """Add a request; return how many items were refused."""
        with self._lock:
            before = self._refused
            for of_resource, of_scope, items in SIGNALS[self.signal].groups(request):
                scope = self._scope(of_resource.resource, of_scope.scope)
                for item in items:
                    self._add_item(item, scope)
            while self._items > self.max_items or self._bytes > self.max_bytes:
                self._drop_oldest()
            return self._refused - before

    @abstractmethod
    def _add_item(self, message: Any, scope: Scope) -> None: ...

    @abstractmethod
    def _drop_oldest(self) -> None: ...

    def _scope(self, resource: ResourceMessage, scope: InstrumentationScope) -> Scope:
        resource_raw, scope_raw = resource.SerializeToString(), scope.SerializeToString()
        found = self._scopes.get((resource_raw, scope_raw))
        if found is None:
            owner = self._resources.get(resource_raw)
            if owner is None:
                owner = self._resources[resource_raw] = Resource(_service_name(resource), resource_raw)
            found = self._scopes[resource_raw, scope_raw] = Scope(owner, scope_raw)
        return found

    def _count(self, scope: Scope, change: int, size_bytes: int) -> None:
        """Count an item that was added (``change`` 1) or dropped (-1)."""
        before, after = self._uses[scope], self._uses[scope] + change
        self._items += change
        self._bytes += change * size_bytes
        if not before or not after:
            self._bytes += change * (len(scope.raw) + len(scope.resource.raw))
        self._uses[scope] = after
        if not after:
            del self._uses[scope]

    def _is_late(self, start_ns: int) -> bool:
        """Of an item that started before the latest clear, the rest of the trace may be gone."""
        return 0 < self._cleared_ns - start_ns < _LATE_NS

    def _forget_all(self, now_ns: int) -> None:
        self._cleared_ns = now_ns
        self._dropped += self._items
        self._uses.clear()
        self._items = self._bytes = 0

    def counts_by_service(self) -> dict[str, int]:
        """Count the stored items of each service."""
        with self._lock:
            found: Counter[str] = Counter()
            for scope, uses in self._uses.items():
                found[scope.resource.service] += uses
            return dict(found)


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
