"""Reads traces from Jaeger's query API.

``/api/v3`` returns OTLP as JSON, with kind, status and links as they were sent. It cannot search by attribute, so searches use
``/api``. https://www.jaegertracing.io/docs/latest/architecture/apis/
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote

import msgspec
import requests
from msgspec.structs import replace

from vshop.kit.http.session import failure_reason, http_session
from vshop.kit.telemetry import SHOP_SERVICES
from vshop.kit.times import Clock
from vshop.shop.errors import ShopError
from vshop.shop.spans import Event, Span, read_spans, read_v1_spans
from vshop.shop.trace_tree import TraceTree, place


class TraceError(ShopError):
    """A trace could not be read, or did not meet a condition in time; the message lists the spans of ``trace``."""

    def __init__(self, message: str, trace: "Trace | None" = None, *, status: int | None = None, detail: str = "") -> None:
        super().__init__(message, hop="observatory", status=status, detail=detail)
        self.trace = trace


class Trace(msgspec.Struct, frozen=True, dict=True):
    """The spans that have arrived, sorted by start."""

    trace_id: str
    spans: list[Span]

    @cached_property
    def tree(self) -> TraceTree:
        """Made on first use."""
        return place(self.spans)

    @cached_property
    def _by_parent(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = defaultdict(list)
        for span in self.spans:
            for span_id in {span.parent_id or "", *(linked for _, linked in span.links)} - {""}:
                found[span_id].append(span)
        return dict(found)

    @property
    def roots(self) -> list[Span]:
        """Spans whose parent has not arrived, and the earliest of each cycle."""
        return self.tree.roots

    @property
    def notes(self) -> list[str]:
        """Sentences about repeated and cyclic spans."""
        return self.tree.notes

    def children(self, parent: Span) -> list[Span]:
        """Return a span's children, sorted by start."""
        return self.tree.below.get(id(parent), [])

    def walk(self) -> Iterator[tuple[int, Span]]:
        """Yield ``(depth, span)``, depth first."""
        yield from self.tree.rows

    def find(self, *, service: str | None = None, name: str | None = None, kind: str | None = None) -> list[Span]:
        """Return the spans of a service, kind and name (or its part before a space)."""
        return [
            span
            for span in self.spans
            if service in {None, span.service}
            and kind in {None, span.kind}
            and (name is None or span.name == name or span.name.startswith(f"{name} "))
        ]

    def branch(self, entry_id: str) -> "Trace":
        """Return the part that belongs to one order: its first span, the descendants, and spans that link to them.

        A span whose parent is missing is included if it has the order's id, or started while the order was being answered.
        """
        entry = next((span for span in self.spans if span.span_id == entry_id), None)
        kept = {entry_id}
        if entry is not None:
            for span in self.roots:
                same = span.attributes.get("shop.order.id") == entry.attributes.get("shop.order.id", "")
                during = span.kind != "CONSUMER" and entry.start_ns <= span.start_ns <= entry.end_ns
                if span.parent_id is not None and span.service in SHOP_SERVICES and (same or (during and span.service != "orders")):
                    kept.add(span.span_id)
        waiting = list(kept)
        while waiting:
            more = {span.span_id for span in self._by_parent.get(waiting.pop(), ())} - kept
            kept |= more
            waiting += more
        return Trace(self.trace_id, [span for span in self.spans if span.span_id in kept])


def add_logged_exceptions(trace: Trace, records: Iterable[Mapping[str, Any]]) -> Trace:
    """Add exceptions of log records named ``exception`` to their spans as events."""
    logged: dict[str, list[Event]] = defaultdict(list)
    for record in records:
        if record["eventName"] == "exception":
            logged[record["spanId"]].append(Event("exception", (record["timestamp"] or 0) * 1000, record["attributes"]))
    spans = [
        span if span.exceptions or span.span_id not in logged else replace(span, events=[*span.events, *logged[span.span_id]])
        for span in trace.spans
    ]
    return Trace(trace.trace_id, spans)


def missing_hop(trace: Trace) -> str | None:
    """Return the first hop without a span, or None when each order of the trace is whole.

    An order is whole when every parent has arrived and every call and record has a span on the receiving side.
    """
    entries = trace.find(service="orders", kind="SERVER")
    if not entries:
        return "orders SERVER POST /orders"
    hops = (_missing_hop(trace.branch(entry.span_id), entry) for entry in entries)
    return next((hop for hop in hops if hop is not None), None)


def _missing_hop(trace: Trace, entry: Span) -> str | None:
    if any(span.parent_id is not None and span != entry for span in trace.roots):
        return "a span's parent"
    for call in trace.find(service="orders", kind="CLIENT"):
        if "http.response.status_code" in call.stable and not trace.children(call):
            return "auth-stub SERVER GET /api/v2/users/<user_id>"
    taken = {span_id for span in trace.find(kind="CONSUMER") for span_id in ((span.trace_id, span.parent_id), *span.links)}
    for sent in trace.find(kind="PRODUCER"):
        topic = str(sent.attributes.get("messaging.destination.name", ""))
        if sent.status != "ERROR" and not topic.endswith(".dlq") and (sent.trace_id, sent.span_id) not in taken:
            return f"stock-updater CONSUMER process {topic}"
    return None


class TraceReader:
    """Reads and searches traces. Every method raises TraceError if the API cannot be reached or returns an error."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = http_session("vshop")

    def get(self, trace_id: str) -> Trace:
        """Return a trace as it is now; empty when no span has arrived."""
        response = self._get(f"/api/v3/traces/{quote(trace_id, safe='')}")
        if response.status_code == requests.codes.not_found:
            return Trace(trace_id, [])
        return Trace(trace_id, read_spans(_checked(response)))

    def of_order(self, order_id: str) -> list[str]:
        """Return the ids of the traces in which an order was processed."""
        return self.search("stock-updater", {"shop.order.id": order_id})

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        """Return the ids of the traces with a span of a service and these attributes."""
        return self._find_ids({"service": service, "tags": msgspec.json.encode(tags).decode()})

    def find_traces(
        self,
        service: str,
        tags: Mapping[str, str] | None = None,
        *,
        operation: str = "",
        begin: float = 0.0,
        end: float = 0.0,
        limit: int = 100,
    ) -> list[Trace]:
        """Return the latest traces in which one span of a service meets all criteria.

        ``begin`` and ``end`` (0: no limit) bound its start, in seconds since the epoch. ``tags`` may be on the span or its events.
        """
        times = {"start": str(int(begin * 1e6)), "end": str(int((end or time.time() + 60) * 1e6))} if begin or end else {}
        text = {"tags": msgspec.json.encode(tags).decode()} if tags else {}
        found = self._read("/api/traces", {"service": service, "operation": operation, "limit": str(limit), **text, **times})
        return [Trace(trace["traceID"], read_v1_spans(trace)) for trace in found["data"] or ()]

    def services(self) -> list[str]:
        """Return the services that have spans, sorted."""
        return sorted(self._read("/api/services")["data"] or ())

    def operations(self, service: str) -> list[str]:
        """Return the names of a service's spans, sorted."""
        return sorted({one["name"] for one in self._read("/api/operations", {"service": service})["data"] or ()})

    def between(self, service: str, begin: float, end: float, limit: int = 1500) -> list[str]:
        """Return the ids of traces with a span of a service between two times (seconds since the epoch)."""
        times = {"start": str(int(begin * 1e6)), "end": str(int(end * 1e6))}
        return self._find_ids({"service": service, "limit": str(limit), **times})

    def wait(self, trace_id: str, until: Callable[[Trace], bool], timeout_s: float = 15.0) -> Trace:
        """Wait until a trace meets a condition. Raises TraceError, which lists the spans seen."""
        return self._wait(lambda: self.get(trace_id), until, timeout_s)

    def wait_whole(self, trace_id: str, order_id: str | None = None, timeout_s: float = 15.0) -> Trace:
        """Wait until an order's trace is whole; linked traces need its order id. Raises TraceError, which names the missing hop."""

        def read() -> Trace:
            trace = self.get(trace_id)
            if order_id is None or missing_hop(trace) is None:
                return trace
            own = {(span.trace_id, span.span_id) for span in trace.spans}
            others = [self.get(other) for other in self.of_order(order_id) if other != trace_id]
            # A retry with the same Idempotency-Key has the same order id in a trace that does not belong to this one.
            linked = [other for other in others if any(own.intersection(span.links) for span in other.spans)]
            return Trace(trace_id, [*trace.spans, *(span for other in linked for span in other.spans)])

        try:
            return self._wait(read, lambda trace: missing_hop(trace) is None, timeout_s)
        except TraceError as error:
            missing = f" Missing: {missing_hop(error.trace)}." if error.trace else ""
            raise TraceError(f"{error}{missing}", error.trace) from error

    def _wait(self, read: Callable[[], Trace], until: Callable[[Trace], bool], timeout_s: float) -> Trace:
        trace, is_met = Clock().read_until(read, until, timeout_s)
        if not is_met:
            seen = ", ".join(f"{span.service} {span.kind} {span.name}" for span in trace.spans) or "nothing"
            message = f"Trace {trace.trace_id} at {self.url} was not as wanted within {timeout_s:g} s; seen: {seen}."
            raise TraceError(message, trace)
        return trace

    def _find_ids(self, query: dict[str, str]) -> list[str]:
        return [str(trace["traceID"]) for trace in self._read("/api/traces", query)["data"]]

    def _read(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return _checked(self._get(path, params))

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> requests.Response:
        try:
            return self._session.get(self.url + path, params=params, timeout=10)
        except requests.RequestException as error:
            reason = failure_reason(error)
            message = f"Traces cannot be read from {self.url}: {reason}. Is the shop up? Check with `vshop status`."
            raise TraceError(message, detail=f"observatory does not answer: {reason}.") from error


def _checked(response: requests.Response) -> dict[str, Any]:
    if not response.ok:
        said = f"{_error_text(response)} ({response.status_code} from {response.url.partition('?')[0]})"
        raise TraceError(f"Traces cannot be read: {said}", status=response.status_code)
    try:
        answer: dict[str, Any] = msgspec.json.decode(response.content)
    except msgspec.DecodeError as error:
        raise TraceError(f"{response.url} did not answer with JSON.", status=response.status_code) from error
    return answer


def _error_text(response: requests.Response) -> str:
    try:
        answer = msgspec.json.decode(response.content)
        errors = answer.get("errors") or [answer.get("error", answer)]
        return str(errors[0].get("msg") or errors[0].get("message") or errors[0]["detail"])
    except (msgspec.DecodeError, AttributeError, LookupError, TypeError):
        return response.text[:300]
