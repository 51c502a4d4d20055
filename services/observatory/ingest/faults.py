"""Alters the shop's own telemetry while faults are on, before the store and all forwarding.

A fault acts on traces that began while it was on, so that no trace is altered by halves.
"""

import logging
import math
import sched
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import msgspec
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from observatory.store.otlp import SIGNALS, Signal
from vshop.kit.telemetry import SHOP_SERVICES
from vshop.kit.telemetry.alterations import Alteration, AlteredSignal

log = logging.getLogger(__name__)

MAX_TRACES = 20_000
_MAX_FAULTS = 150
_REMEMBERED_NS = 600 * 10**9
"""A fault that is off still applies so long to late telemetry of traces that began before."""
_NS_PER_MS = 1_000_000
_MAX_NS, _MAX_COUNT = 2**64 - 1, 2**32 - 1
_ALTERED: dict[Signal, AlteredSignal] = {"traces": "spans", "logs": "logs", "metrics": "metrics"}
_KINDS = {name: Span.SpanKind.Value(f"SPAN_KIND_{name}") for name in ("SERVER", "CLIENT", "PRODUCER", "CONSUMER")}

Emit = Callable[[Signal, Any], object]


class Fault(msgspec.Struct):
    """A fault that is or was on, in nanoseconds since the epoch."""

    id: str
    alterations: Sequence[Alteration]
    since_ns: int
    until_ns: float = math.inf

    def holds(self, time_ns: int) -> bool:
        """Return whether it was on at a time."""
        return self.since_ns <= time_ns < self.until_ns


class TraceState(msgspec.Struct):
    """What the filter knows about one trace.

    ``alterations`` were on when its first span began. ``kept``: delivered spans by alteration and service. ``held`` requests wait
    for the decision of ``sampleErrors``.
    """

    began_ns: int
    alterations: Sequence[Alteration]
    kept: Counter[tuple[int, str]] = msgspec.field(default_factory=Counter)
    held: list[Any] = []
    failed: bool = False
    decided: bool | None = None


class Later:
    """Calls functions later, in one daemon thread, which starts with the first call."""

    def __init__(self) -> None:
        self._due = sched.scheduler(time.monotonic)
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry-faults", daemon=True)

    def call(self, seconds: float, function: Callable[[], None]) -> None:
        """Call a function in some seconds. Calls come from one thread at a time."""
        self._due.enter(seconds, 0, function)
        self._changed.set()
        if not self._thread.is_alive():
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                left = self._due.run(blocking=False)
            except Exception:
                log.exception("held telemetry could not be delivered")
            else:
                self._changed.wait(left)


class TelemetryFaults:
    """The faults, and the filter. Thread-safe."""

    def __init__(self, emit: Emit, now_ns: Callable[[], int] = time.time_ns, later: Later | None = None) -> None:
        self._emit = emit
        self._now_ns = now_ns
        self._later = later or Later()
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._traces: OrderedDict[bytes, TraceState] = OrderedDict()

    def on(self) -> list[Fault]:
        """Return the faults that are on."""
        now = self._now_ns()
        with self._lock:
            return [fault for fault in self._faults if fault.holds(now)]

    def turn_on(self, fault_id: str, alterations: Sequence[Alteration], seconds: float = math.inf) -> Fault:
        """Switch a fault on, for some seconds or until it is switched off."""
        now = self._now_ns()
        fault = Fault(fault_id, tuple(alterations), now, now + int(seconds * 1e9) if seconds < math.inf else math.inf)
        with self._lock:
            self._end(now, fault_id)
            self._faults.append(fault)
        return fault

    def turn_off(self, fault_id: str | None = None) -> list[str]:
        """Switch one or all off; return the ids of those that were on."""
        with self._lock:
            return self._end(self._now_ns(), fault_id)

    def _end(self, now_ns: int, fault_id: str | None) -> list[str]:
        named = [fault for fault in self._faults if fault_id in {None, fault.id}]
        ids = [fault.id for fault in named if fault.holds(now_ns)]
        for fault in named:
            fault.until_ns = min(fault.until_ns, now_ns)
        return ids

    def _forget(self) -> None:
        oldest = self._now_ns() - _REMEMBERED_NS
        remembered = (fault for fault in self._faults if fault.until_ns >= oldest)
        self._faults = sorted(remembered, key=lambda fault: fault.until_ns)[-_MAX_FAULTS:]
        if not self._faults:
            self._traces.clear()

    def apply(self, signal: Signal, request: Any) -> Any:
        """Return a request with the alterations; the request itself is changed."""
        with self._lock:
            if self._faults:
                self._forget()
            if not self._faults:
                return request  # the usual case
            groups = [group for group in SIGNALS[signal].groups(request) if _service(group[0]) in SHOP_SERVICES]
            self._see(item for _, _, items in groups for item in items)
            renamed = SIGNALS[signal].request()
            for resource, scope, items in groups:
                service = _service(resource)
                alone = partial(_alone, signal, resource, scope)
                taken = list(items)
                del items[:]
                for item in taken:
                    for name, one in self._altered(signal, service, item, alone):
                        if name == service:
                            items.append(one)
                        else:
                            renamed.MergeFrom(alone(name, one))
            request.MergeFrom(renamed)
            return request

    def _see(self, items: Iterable[Any]) -> None:
        began: dict[bytes, int] = {}
        for item in items:
            trace_id = getattr(item, "trace_id", b"")
            if trace_id and trace_id not in self._traces:
                at = getattr(item, "start_time_unix_nano", 0) or getattr(item, "time_unix_nano", 0)
                began[trace_id] = min(at, began.get(trace_id, at))
        for trace_id, at in began.items():
            self._traces[trace_id] = self._state(at)
        while len(self._traces) > MAX_TRACES:
            self._traces.popitem(last=False)

    def _state(self, time_ns: int) -> TraceState:
        return TraceState(time_ns, [one for fault in self._faults if fault.holds(time_ns) for one in fault.alterations])

    def _altered(self, signal: Signal, service: str, item: Any, alone: Callable[[str, Any], Any]) -> list[tuple[str, Any]]:
        """Return what is delivered now, with the service's name."""
        state = self._traces.get(getattr(item, "trace_id", b"")) or self._state(self._now_ns())
        found = [(service, item)]
        for one in state.alterations:
            if not found or not one.concerns(_ALTERED[signal], service) or not _matches(one, item):
                continue
            if one.action == "renameService":
                found = [(one.text, each) for _, each in found]
            elif one.action in {"delay", "sampleErrors"}:
                found = self._hold(one, state, found, [(signal, alone(*each)) for each in found])
            else:
                found = [(name, after) for name, each in found for after in _alter(one, each, state, service)]
        return found

    def _hold(
        self, one: Alteration, state: TraceState, found: list[tuple[str, Any]], requests: list[tuple[Signal, Any]]
    ) -> list[tuple[str, Any]]:
        if one.action == "delay":
            self._later.call(one.ms / 1000, partial(self._deliver, requests))
            return []
        if state.decided is not None:
            return found if state.decided else []
        state.failed |= any(item.status.code == Status.STATUS_CODE_ERROR for _, item in found)
        if not state.held:
            self._later.call(one.ms / 1000, partial(self._decide, state))
        state.held += requests
        return []

    def _decide(self, state: TraceState) -> None:
        with self._lock:
            state.decided, held, state.held = state.failed, state.held, []
        if state.decided:
            self._deliver(held)

    def _deliver(self, requests: list[tuple[Signal, Any]]) -> None:
        for signal, request in requests:
            self._emit(signal, request)


def _service(group: Any) -> str:
    return next((pair.value.string_value for pair in group.resource.attributes if pair.key == "service.name"), "")


def _alone(signal: Signal, resource: Any, scope: Any, service: str, item: Any) -> Any:
    """Build a request with one item, of the service."""
    of = SIGNALS[signal]
    request = of.request()
    of_resource = getattr(request, of.resources).add(resource=resource.resource, schema_url=resource.schema_url)
    for pair in of_resource.resource.attributes:
        if pair.key == "service.name":
            pair.value.string_value = service
    of_scope = getattr(of_resource, of.scopes).add(scope=scope.scope, schema_url=scope.schema_url)
    getattr(of_scope, of.items).append(item)
    return request


def _matches(one: Alteration, item: Any) -> bool:
    """Return whether an alteration concerns a span; it concerns every log record."""
    return not isinstance(item, Span) or (item.name.startswith(one.name) and (one.kind is None or item.kind == _KINDS[one.kind]))


def _alter(one: Alteration, item: Any, state: TraceState, service: str) -> list[Any]:
    """Alter an item in place, and return what is to be delivered."""
    match one.action:
        case "drop":
            return []
        case "keep":
            state.kept[id(one), service] += 1
            return [item] if state.kept[id(one), service] <= one.count else []
        case "sample":
            return [item] if one.samples(item.trace_id.hex()) else []
        case "duplicate":  # not the same bytes, which the store takes for a repeated request
            second = type(item).FromString(item.SerializeToString())
            _strip(second, [""])
            return [item, second]
        case "strip":
            _strip(item, one.keys)
        case "cut":
            _cut(item, one.keys, one.length)
        case "shift":
            _move(item, lambda time_ns: time_ns + one.ms * _NS_PER_MS)
        case "mirror":
            _move(item, lambda time_ns: 2 * state.began_ns - time_ns)
        case "unlink":
            item.dropped_links_count = min(item.dropped_links_count + len(item.links), _MAX_COUNT)
            del item.links[:]
            item.parent_span_id = b""
        case "shortenTraceId":
            item.trace_id = bytes(8) + item.trace_id[8:]
        case "forgetTrace":
            item.trace_id = item.span_id = b""
    return [item]


def _move(item: Any, moved: Callable[[int], int]) -> None:
    for holder in (item, *getattr(item, "events", ())):
        for name in ("start_time_unix_nano", "end_time_unix_nano", "time_unix_nano"):
            if getattr(holder, name, 0):
                setattr(holder, name, min(max(1, moved(getattr(holder, name))), _MAX_NS))


def _strip(item: Any, keys: Sequence[str]) -> None:
    stripped = [index for index, pair in enumerate(item.attributes) if pair.key.startswith(tuple(keys))]
    for index in reversed(stripped):
        del item.attributes[index]
    item.dropped_attributes_count = min(item.dropped_attributes_count + len(stripped), _MAX_COUNT)


def _cut(item: Any, keys: Sequence[str], length: int) -> None:
    for pair in item.attributes:
        if pair.key.startswith(tuple(keys)) and pair.value.WhichOneof("value") == "string_value":
            pair.value.string_value = pair.value.string_value[:length]
