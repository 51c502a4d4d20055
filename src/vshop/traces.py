"""Reads traces back through Jaeger's query API, whoever serves it: the observatory or the real Jaeger.

It reads ``/api/v3`` (OTLP as JSON), since there a span's kind, status and links stand as they were sent.
https://www.jaegertracing.io/docs/latest/architecture/apis/
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import requests

from vshop.kit.http_session import http_session, why
from vshop.spans import Span, read_spans


class TraceError(Exception):
    """A trace could not be read, or did not become what was waited for in time; the text says what was seen.

    Attributes:
        trace: what had arrived, where anything could be read.
    """

    def __init__(self, message: str, trace: "Trace | None" = None) -> None:
        super().__init__(message)
        self.trace = trace


class Trace(msgspec.Struct, frozen=True):
    """All spans of one trace that have arrived, in the order of their start."""

    trace_id: str
    spans: list[Span]

    @property
    def roots(self) -> list[Span]:
        """The spans whose parent is not here: one, when the trace is whole."""
        known = {span.span_id for span in self.spans}
        return [span for span in self.spans if span.parent_id not in known]

    def children(self, parent: Span) -> list[Span]:
        """Return the spans below one, in the order of their start."""
        return [span for span in self.spans if span.parent_id == parent.span_id]

    def walk(self) -> Iterator[tuple[int, Span]]:
        """Yield ``(depth, span)`` in the order of a waterfall."""

        def below(span: Span, depth: int) -> Iterator[tuple[int, Span]]:
            yield depth, span
            for child in self.children(span):
                yield from below(child, depth + 1)

        for root in self.roots:
            yield from below(root, 0)

    def find(self, *, service: str | None = None, name: str | None = None, kind: str | None = None) -> list[Span]:
        """Return the spans with this service, name (or its beginning, before a space) and kind."""
        return [
            span
            for span in self.spans
            if service in {None, span.service}
            and kind in {None, span.kind}
            and (name is None or span.name == name or span.name.startswith(f"{name} "))
        ]


def missing_hop(trace: Trace) -> str | None:
    """Name the first hop of an order whose span has not arrived, or None when the trace is whole.

    Whole means: every parent is here; every hop that a span says was reached has its own span on the other side.
    """
    entry = trace.find(service="orders", kind="SERVER")
    if not entry:
        return "orders SERVER POST /orders"
    if any(span.parent_id is not None and span not in entry for span in trace.roots):
        return "a span's parent"
    for call in trace.find(service="orders", kind="CLIENT"):
        if "http.response.status_code" in call.attributes and not trace.children(call):
            return "auth-stub SERVER GET /api/v2/users/<user_id>"
    for sent in trace.find(kind="PRODUCER"):
        topic = sent.attributes.get("messaging.destination.name", "")
        if sent.status == "ERROR" or topic.endswith(".dlq"):
            continue
        taken = [
            span
            for span in trace.find(kind="CONSUMER")
            if span.parent_id == sent.span_id or (sent.trace_id, sent.span_id) in span.links
        ]
        if not taken:
            return f"stock-updater CONSUMER process {topic}"
    return None


class TraceReader:
    """Reads from one query API."""

    def __init__(self, url: str) -> None:
        """Args: url: base address of Jaeger's query API, such as ``http://127.0.0.1:16686``."""
        self.url = url.rstrip("/")
        self._session = http_session("vshop")

    def get(self, trace_id: str) -> Trace:
        """Read a trace as it is now; empty when nothing of it has arrived.

        Raises:
            TraceError: the API cannot be reached or does not answer as it should.
        """
        response = self._ask(f"/api/v3/traces/{trace_id}")
        if response.status_code == requests.codes.not_found:
            return Trace(trace_id, [])
        return Trace(trace_id, read_spans(_checked(response)))

    def of_order(self, order_id: str) -> list[str]:
        """Return the ids of the traces in which stock-updater processed an order: the way to it in link mode."""
        response = self._ask(
            "/api/traces", {"service": "stock-updater", "tags": msgspec.json.encode({"shop.order.id": order_id}).decode()}
        )
        return [str(trace["traceID"]) for trace in _checked(response)["data"]]

    def wait(self, trace_id: str, until: Callable[[Trace], bool], timeout_s: float = 15.0) -> Trace:
        """Wait until a trace is as wanted.

        Args:
            trace_id: which.
            until: tells whether it is.
            timeout_s: how long to wait, in seconds.

        Returns:
            The trace, as wanted.

        Raises:
            TraceError: it was not in time; the text lists the spans seen.
        """
        deadline, pause_s = time.monotonic() + timeout_s, 0.02
        while True:
            trace = self.get(trace_id)
            if until(trace):
                return trace
            if time.monotonic() > deadline:
                seen = ", ".join(f"{span.service} {span.kind} {span.name}" for span in trace.spans) or "nothing"
                raise TraceError(f"Trace {trace_id} at {self.url} was not as wanted within {timeout_s:g} s; seen: {seen}.")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.25)

    def wait_whole(self, trace_id: str, order_id: str | None = None, timeout_s: float = 15.0) -> Trace:
        """Wait until an order's trace is whole; in link mode the traces linked to it are part of the answer.

        Args:
            trace_id: the order's trace.
            order_id: the order, by which a linked trace is found.
            timeout_s: how long to wait, in seconds.

        Raises:
            TraceError: it was not in time; the text names the hop that is missing.
        """
        found: dict[str, Trace] = {}

        def whole(trace: Trace) -> bool:
            spans = list(trace.spans)
            if order_id is not None and missing_hop(trace) is not None:
                own = {(span.trace_id, span.span_id) for span in spans}
                others = [self.get(other) for other in self.of_order(order_id) if other != trace_id]
                # A retry with the same Idempotency-Key is the same order in another trace: only what is linked belongs to this one.
                linked = [other for other in others if any(own.intersection(span.links) for span in other.spans)]
                spans += [span for other in linked for span in other.spans]
            found["last"] = Trace(trace_id, spans)
            return missing_hop(found["last"]) is None

        try:
            self.wait(trace_id, whole, timeout_s)
        except TraceError as error:
            seen = found.get("last")
            missing = f" Missing: {missing_hop(seen)}." if seen else ""
            raise TraceError(f"{error}{missing}", seen) from error
        return found["last"]

    def _ask(self, path: str, params: Mapping[str, str] | None = None) -> requests.Response:
        try:
            return self._session.get(self.url + path, params=params, timeout=10)
        except requests.RequestException as error:
            told = f"Traces cannot be read from {self.url}: {why(error)}. Is the shop up? `vshop status` tells."
            raise TraceError(told) from error


def _checked(response: requests.Response) -> dict[str, Any]:
    if not response.ok:
        raise TraceError(f"{response.url} answered {response.status_code}: {response.text[:300]}")
    answer: dict[str, Any] = msgspec.json.decode(response.content)
    return answer
