"""Checks traces while they are fresh: the observatory evicts old ones."""

import heapq
import itertools
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from loadtest.swarm import Accepted
from vshop.shop.spans import Span
from vshop.shop.traces import Trace, TraceError, TraceReader

SERVER_SPAN = "orders SERVER POST /orders"
USER_REQUEST = "orders CLIENT GET"
USER_LOOKUP = "auth-stub SERVER GET /api/v2/users/<user_id>"
SEND = "orders PRODUCER send"
PROCESS = "stock-updater CONSUMER process"
GET_ITEM = "stock-updater CLIENT DynamoDB.GetItem"
PUT_ITEM = "stock-updater CLIENT DynamoDB.PutItem"


class TraceCheck(NamedTuple):
    missing: str | None
    """Beginning with its service."""
    outcomes: tuple[str, ...] = ()
    """Of each delivery: applied, duplicate, sold_out, dead_lettered, or unanswered (DynamoDB did not answer)."""

    @property
    def whole(self) -> bool:
        return self.missing is None


def check_trace(trace: Trace) -> TraceCheck:
    """Check that an order's trace, with linked ones, holds every span of a clean order.

    One complete try is enough; failed tries may be in it too.
    """
    taken = [span for span in trace.spans if span.service == "stock-updater" and span.kind == "CONSUMER"]
    outcomes = tuple(outcome for span in taken if (outcome := _outcome(trace, span)))
    return TraceCheck(_missing(trace, taken, outcomes), outcomes)


def _missing(trace: Trace, taken: list[Span], outcomes: tuple[str, ...]) -> str | None:
    entries = trace.find(service="orders", kind="SERVER")
    below = [span for entry in entries for span in trace.children(entry)]
    asked = [span for span in below if span.kind == "CLIENT" and span.stable.get("http.response.status_code") == 200]
    sent = {(span.trace_id, span.span_id) for span in below if span.kind == "PRODUCER"}
    received = [span for span in taken if (span.trace_id, span.parent_id) in sent or sent.intersection(span.links)]
    found = {
        SERVER_SPAN: entries,
        USER_REQUEST: asked,
        USER_LOOKUP: [child for span in asked for child in trace.children(span) if child.service == "auth-stub"],
        SEND: sent,
        PROCESS: received and set(outcomes) - {"unanswered"},
    }
    return next((name for name, spans in found.items() if not spans), None) or _missing_call(trace, taken)


def _missing_call(trace: Trace, taken: list[Span]) -> str | None:
    for span in taken:
        outcome, calls = span.attributes.get("shop.order.outcome"), {child.name for child in trace.children(span)}
        if outcome is not None and "DynamoDB.GetItem" not in calls:
            return GET_ITEM
        if outcome in {"applied", "sold_out"} and "DynamoDB.PutItem" not in calls:
            return PUT_ITEM
    return None


def _outcome(trace: Trace, taken: Span) -> str | None:
    if (outcome := taken.attributes.get("shop.order.outcome")) is not None:
        return str(outcome)
    below = trace.children(taken)
    if any(span.kind == "PRODUCER" and span.name.endswith(".dlq") for span in below):
        return "dead_lettered"
    return "unanswered" if any(span.name == "DynamoDB.PutItem" for span in below) else None


_FIRST_LOOK_S, _LATEST_LOOK_S = 0.6, 5.0
_EARLY = 0.9  # below 1, so that the first read comes earlier again when the shop gets faster
_OVERTAKEN_S = 10.0
FIRST_DELIVERY = f"{PROCESS}, the delivery that was applied"


class BrokenTrace(NamedTuple):
    order: Accepted
    missing: str


class TraceChecker:
    """Polls each order's trace until it is complete or counts as broken.

    It counts as broken once a later order for the same item (>= 10 s) has a complete trace, because one item's orders are handled
    and exported in order; otherwise 10 s after all orders were handled. The first read comes at the age at which recent traces
    were complete: a read costs the shop as much as an order.
    """

    def __init__(self, readers: Sequence[TraceReader], patience_s: float) -> None:
        """Start a thread for each reader. At the end, traces may be unreachable for `patience_s` seconds."""
        self.whole, self.broken, self.doubled = 0, list[BrokenTrace](), list[Accepted]()
        self.sold_out = list[Accepted]()
        self._patience_s = patience_s
        self._due: list[tuple[float, int]] = []  # a heap of the times of reads, with the orders' numbers
        self._pending: dict[int, tuple[Accepted, int]] = {}  # by number, with how often the trace was read
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._overtaken: dict[int, float] = {}  # item -> when its latest order with a complete trace was accepted
        self._usual_s = _FIRST_LOOK_S / _EARLY  # average age of orders whose traces are complete
        self._closed_at = 0.0
        self._threads = [threading.Thread(target=self._run, args=(reader,), name="traces", daemon=True) for reader in readers]
        for thread in self._threads:
            thread.start()

    def add(self, order: Accepted) -> None:
        with self._changed:
            self._push(next(self._numbers), order, 0, max(_FIRST_LOOK_S, _EARLY * self._usual_s))

    def _push(self, number: int, order: Accepted, looks: int, wait_s: float) -> None:
        self._pending[number] = order, looks
        heapq.heappush(self._due, (time.time() + wait_s, number))
        self._changed.notify()

    def pending(self) -> list[Accepted]:
        with self._changed:
            return [order for order, _ in self._pending.values()]

    def close(self, timeout_s: float) -> None:
        """Finish the remaining checks, when all orders were handled."""
        with self._changed:
            self._closed_at = time.time()
            self._changed.notify_all()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, reader: TraceReader) -> None:
        while (number := self._next()) is not None:
            order, _ = self._pending[number]
            final = self._is_final(order)  # decided before the read, so that the read sees all spans
            try:
                verdict = self._look(reader, order, with_linked=final)
            except (TraceError, msgspec.MsgspecError):  # the observatory is down
                verdict, final = TraceCheck("the traces cannot be read"), self._closed_for(self._patience_s)
            self._decide(number, verdict, final=final)

    def _decide(self, number: int, verdict: TraceCheck, *, final: bool) -> None:
        with self._changed:
            order, looks = self._pending.pop(number)
            if verdict.missing is None:
                self._note(order, verdict)
            elif final:
                self.broken.append(BrokenTrace(order, verdict.missing))
            else:
                wait_s = min(_FIRST_LOOK_S * 1.7**looks, _LATEST_LOOK_S)
                self._push(number, order, looks + 1, max(wait_s, (time.time() - order.at) / 8 if looks > 8 else 0))
            self._changed.notify_all()

    def _next(self) -> int | None:
        with self._changed:
            while self._pending or not self._closed_at:
                wait_s = self._due[0][0] - time.time() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._due)[1]
                self._changed.wait(wait_s)
            return None

    def _look(self, reader: TraceReader, order: Accepted, *, with_linked: bool) -> TraceCheck:
        verdict = check_trace(reader.get(order.trace_id))
        if not verdict.whole and with_linked:
            verdict = check_trace(_with_linked(reader, order))
        if verdict.whole and set(verdict.outcomes) == {"duplicate"} and not _applied_elsewhere(reader, order):
            return TraceCheck(FIRST_DELIVERY, verdict.outcomes)
        return verdict

    def _is_final(self, order: Accepted) -> bool:
        overtaken = self._overtaken.get(order.item_id, 0.0) > order.at + _OVERTAKEN_S
        return (overtaken and time.time() > order.at + _OVERTAKEN_S) or self._closed_for(_OVERTAKEN_S)

    def _closed_for(self, seconds: float) -> bool:
        return bool(self._closed_at) and time.time() > self._closed_at + seconds

    def _note(self, order: Accepted, verdict: TraceCheck) -> None:
        self.whole += 1
        self._usual_s += 0.1 * (min(time.time() - order.at, _LATEST_LOOK_S) - self._usual_s)
        self._overtaken[order.item_id] = max(order.at, self._overtaken.get(order.item_id, 0.0))
        if verdict.outcomes.count("applied") > 1:
            self.doubled.append(order)
        if "sold_out" in verdict.outcomes:
            self.sold_out.append(order)


def _with_linked(reader: TraceReader, order: Accepted) -> Trace:
    ids = {order.trace_id, *reader.of_order(order.order_id)}
    return Trace(order.trace_id, [span for trace_id in ids for span in reader.get(trace_id).spans])


def _applied_elsewhere(reader: TraceReader, order: Accepted) -> bool:
    others = (check_trace(reader.get(trace_id)) for trace_id in reader.of_order(order.order_id))
    return any({"applied", "sold_out"}.intersection(other.outcomes) for other in others)
