"""Alters the shop's own telemetry while faults are on, before the store and all forwarding.

A fault acts on traces that began while it was on, so that no trace is altered by halves.
"""

import itertools
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from observatory.faults.actions import TraceState, alter, matches
from observatory.faults.later import Later
from observatory.forward.queue import Signal
from vshop.kit.telemetry import SHOP_SERVICES
from vshop.kit.telemetry.alterations import Alteration, AlteredSignal

MAX_TRACES = 20_000
_MAX_ENDED = 100
_REMEMBERED_NS = 600 * 10**9
"""A fault that is off still applies so long to late telemetry of traces that began before."""
_FIELDS: dict[Signal, tuple[AlteredSignal, str, str, str]] = {
    "traces": ("spans", "resource_spans", "scope_spans", "spans"),
    "logs": ("logs", "resource_logs", "scope_logs", "log_records"),
    "metrics": ("metrics", "resource_metrics", "scope_metrics", "metrics"),
}

_REQUESTS: dict[Signal, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}

Emit = Callable[[Signal, Any], object]


class Fault(msgspec.Struct, frozen=True):
    """A fault that is or was on, in nanoseconds since the epoch."""

    id: str
    alterations: Sequence[Alteration]
    since_ns: int
    until_ns: int | None = None

    def holds(self, time_ns: int) -> bool:
        """Return whether it was on at a time."""
        return self.since_ns <= time_ns and (self.until_ns is None or time_ns < self.until_ns)


class TelemetryFaults:
    """The faults, and the filter. Thread-safe."""

    def __init__(self, emit: Emit, now_ns: Callable[[], int] = time.time_ns, later: Later | None = None) -> None:
        self._emit = emit
        self._now_ns = now_ns
        self._later = later or Later()
        self._lock = threading.Lock()
        self._on: dict[str, Fault] = {}
        self._ended: deque[Fault] = deque(maxlen=_MAX_ENDED)
        self._traces: OrderedDict[bytes, TraceState] = OrderedDict()

    def on(self) -> list[Fault]:
        """Return the faults that are on."""
        now = self._now_ns()
        with self._lock:
            return [fault for fault in self._on.values() if fault.holds(now)]

    def turn_on(self, fault_id: str, alterations: Sequence[Alteration], seconds: float | None = None) -> Fault:
        """Switch a fault on, for some seconds or until it is switched off."""
        now = self._now_ns()
        fault = Fault(fault_id, tuple(alterations), now, None if seconds is None else now + int(seconds * 1e9))
        with self._lock:
            self._end(fault_id, now)
            self._on[fault_id] = fault
        return fault

    def turn_off(self, fault_id: str | None = None) -> list[str]:
        """Switch one or all off; return the ids of those that were on."""
        now = self._now_ns()
        with self._lock:
            ids = [one.id for one in self._on.values() if fault_id in {None, one.id} and one.holds(now)]
            for one in list(self._on):
                if fault_id in {None, one}:
                    self._end(one, now)
            return ids

    def _end(self, fault_id: str, now_ns: int) -> None:
        fault = self._on.pop(fault_id, None)
        if fault is not None:
            until = now_ns if fault.until_ns is None else min(now_ns, fault.until_ns)
            self._ended.append(msgspec.structs.replace(fault, until_ns=until))

    def _forget(self) -> None:
        if not self._on and not self._ended:
            return
        now = self._now_ns()
        for one in [one for one in self._on.values() if not one.holds(now)]:
            self._end(one.id, now)
        while self._ended and (self._ended[0].until_ns or 0) < now - _REMEMBERED_NS:
            self._ended.popleft()
        if not self._on and not self._ended:
            self._traces.clear()

    def apply(self, signal: Signal, message: Any) -> Any:
        """Return a request with the alterations; the request itself is changed."""
        with self._lock:
            self._forget()
            if not self._on and not self._ended:
                return message  # the usual case
            _, of_resource, of_scope, of_item = _FIELDS[signal]
            self._see(signal, message)
            added: list[Any] = []
            for resource in getattr(message, of_resource):
                service = _service(resource.resource)
                if service not in SHOP_SERVICES:
                    continue
                for scope in getattr(resource, of_scope):
                    items = getattr(scope, of_item)
                    taken = [_copy(item) for item in items]
                    del items[:]
                    for item in taken:
                        for name, one in self._altered(signal, service, item, resource, scope):
                            if name == service:
                                items.append(one)
                            else:
                                added.append(_renamed(resource, scope, name, of_scope, of_item, one))
            getattr(message, of_resource).extend(added)
            return message

    def _see(self, signal: Signal, message: Any) -> None:
        began: dict[bytes, int] = {}
        for item in _items(signal, message):
            trace_id = getattr(item, "trace_id", b"")
            if trace_id and trace_id not in self._traces:
                at = getattr(item, "start_time_unix_nano", 0) or getattr(item, "time_unix_nano", 0)
                began[trace_id] = min(at, began.get(trace_id, at))
        for trace_id, at in began.items():
            self._traces[trace_id] = TraceState(at, self._alterations(at))
        while len(self._traces) > MAX_TRACES:
            self._traces.popitem(last=False)

    def _alterations(self, time_ns: int) -> list[Alteration]:
        faults = [*self._ended, *self._on.values()]
        return list(itertools.chain.from_iterable(fault.alterations for fault in faults if fault.holds(time_ns)))

    def _altered(self, signal: Signal, service: str, item: Any, resource: Any, scope: Any) -> list[tuple[str, Any]]:
        state = self._traces.get(getattr(item, "trace_id", b""))
        if state is None:
            now = self._now_ns()
            state = TraceState(now, self._alterations(now))
        found = [(service, item)]
        for one in state.alterations:
            if not one.concerns(_FIELDS[signal][0], service) or not found or not matches(one, item):
                continue
            if one.action == "renameService":
                found = [(one.text, each) for _, each in found]
            elif one.action in {"delay", "sampleErrors"}:
                found = self._hold(one, state, [(signal, name, resource, scope, each) for name, each in found])
            else:
                found = [(name, after) for name, each in found for after in alter(one, each, state, service)]
        return found

    def _hold(self, one: Alteration, state: TraceState, found: list[tuple[Signal, str, Any, Any, Any]]) -> list[tuple[str, Any]]:
        messages = [(held[0], _request(*held)) for held in found]
        if one.action == "delay":
            self._later.call(one.ms / 1000, lambda: self._deliver(messages))
            return []
        if state.decided is not None:
            return [(name, item) for _, name, _, _, item in found] if state.decided else []
        state.failed |= any(item.status.code == Status.STATUS_CODE_ERROR for *_, item in found)
        if not state.held:
            self._later.call(one.ms / 1000, lambda: self._decide(state))
        state.held = [*state.held, *messages]
        return []

    def _decide(self, state: TraceState) -> None:
        with self._lock:
            state.decided, held, state.held = state.failed, state.held, []
        if state.decided:
            self._deliver(held)

    def _deliver(self, messages: list[tuple[Signal, Any]]) -> None:
        for signal, message in messages:
            self._emit(signal, message)


def _items(signal: Signal, message: Any) -> Iterator[Any]:
    _, of_resource, of_scope, of_item = _FIELDS[signal]
    for resource in getattr(message, of_resource):
        if _service(resource.resource) in SHOP_SERVICES:
            for scope in getattr(resource, of_scope):
                yield from getattr(scope, of_item)


def _service(resource: Any) -> str:
    return next((pair.value.string_value for pair in resource.attributes if pair.key == "service.name"), "")


def _copy(item: Any) -> Any:
    copy = type(item)()
    copy.CopyFrom(item)
    return copy


def _renamed(resource: Any, scope: Any, name: str, of_scope: str, of_item: str, item: Any) -> Any:
    made = type(resource)(resource=resource.resource, schema_url=resource.schema_url)
    for pair in made.resource.attributes:
        if pair.key == "service.name":
            pair.value.string_value = name
    inner = getattr(made, of_scope).add(schema_url=scope.schema_url)
    inner.scope.CopyFrom(scope.scope)
    getattr(inner, of_item).append(item)
    return made


def _request(signal: Signal, name: str, resource: Any, scope: Any, item: Any) -> Any:
    _, of_resource, of_scope, of_item = _FIELDS[signal]
    made = _REQUESTS[signal]()
    getattr(made, of_resource).append(_renamed(resource, scope, name, of_scope, of_item, item))
    return made
