"""Reads the traces of accepted orders back while they are fresh: what holds them has a bounded memory."""

import heapq
import itertools
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from loadtest.judging import TAKEN, Verdict, judge
from loadtest.ledger import Accepted
from vshop.traces import Trace, TraceError, TraceReader

_FIRST_LOOK_S, _LATEST_LOOK_S = 0.6, 5.0
_EARLY = 0.9  # of the usual age: so that the first look moves forward again when the shop gets faster
_OVERTAKEN_S = 10.0
FIRST_DELIVERY = f"{TAKEN}, the delivery that was applied"


class Broken(NamedTuple):
    """An accepted order whose trace did not become whole."""

    order: Accepted
    missing: str


class Watcher:
    """Reads each order's trace again and again until it is whole, or until it is clear that it never will be.

    It is clear when an order for the same item, accepted ten seconds later, has a whole trace: one item's orders are handled one
    after the other, and a service exports its spans in their order. Without that, however long it takes, it may be that
    orders wait to be handled; then it is clear ten seconds after everything was.

    An order is looked at first when orders before it were whole: under load each waits for its turn, and a look too early costs the
    shop as much as the order does.
    """

    def __init__(self, readers: Sequence[TraceReader], patience_s: float) -> None:
        """Begin to read.

        Args:
            readers: of the traces, each used by a thread of its own.
            patience_s: how long traces may be out of reach in the end, in seconds.
        """
        self.whole, self.broken, self.doubled = 0, list[Broken](), list[Accepted]()
        self.sold_out = list[Accepted]()
        self._patience_s = patience_s
        self._due: list[tuple[float, int, Accepted, int]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._overtaken: dict[int, float] = {}  # item -> when the latest order with a whole trace was accepted
        self._usual_s = _FIRST_LOOK_S / _EARLY  # how old orders are when their traces are seen whole
        self._closed_at = 0.0
        self._busy: list[Accepted] = []
        self._threads = [threading.Thread(target=self._run, args=(reader,), name="traces", daemon=True) for reader in readers]
        for thread in self._threads:
            thread.start()

    def add(self, order: Accepted) -> None:
        """Watch one more order."""
        with self._changed:
            wait_s = max(_FIRST_LOOK_S, _EARLY * self._usual_s)
            heapq.heappush(self._due, (time.time() + wait_s, next(self._numbers), order, 0))
            self._changed.notify()

    def pending(self) -> list[Accepted]:
        """Return the orders that are not judged yet."""
        with self._changed:
            return [*(order for _, _, order, _ in self._due), *self._busy]

    def close(self, timeout_s: float) -> None:
        """Judge what is left and end: nothing more will come, and everything was handled.

        Args:
            timeout_s: how long that may take, in seconds.
        """
        with self._changed:
            self._closed_at = time.time()
            self._changed.notify_all()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, reader: TraceReader) -> None:
        while (found := self._next()) is not None:
            order, looks = found
            hopeless = self._hopeless(order)  # before the look: what arrived until now is what counts
            try:
                verdict = self._look(reader, order, thoroughly=hopeless)
            except (TraceError, msgspec.MsgspecError):  # what holds the traces is away, or was cut off: a fault like any other
                verdict, hopeless = Verdict("the traces cannot be read"), self._closed_for(self._patience_s)
            self._decide(order, looks, verdict, hopeless=hopeless)

    def _decide(self, order: Accepted, looks: int, verdict: Verdict, *, hopeless: bool) -> None:
        with self._changed:
            self._busy.remove(order)
            if verdict.whole:
                self._note(order, verdict)
            elif hopeless:
                self.broken.append(Broken(order, verdict.missing or ""))
            else:
                now = time.time()
                due = now + max(min(_FIRST_LOOK_S * 1.7**looks, _LATEST_LOOK_S), (now - order.at) / 8 if looks > 8 else 0)
                heapq.heappush(self._due, (due, next(self._numbers), order, looks + 1))
            self._changed.notify_all()

    def _next(self) -> tuple[Accepted, int] | None:
        with self._changed:
            while True:
                if not self._due:
                    if self._closed_at and not self._busy:
                        return None
                    self._changed.wait()
                elif (wait_s := self._due[0][0] - time.time()) > 0:
                    self._changed.wait(wait_s)
                else:
                    _, _, order, looks = heapq.heappop(self._due)
                    self._busy.append(order)
                    return order, looks

    def _look(self, reader: TraceReader, order: Accepted, *, thoroughly: bool) -> Verdict:
        verdict = judge(reader.get(order.trace_id))
        if not verdict.whole and thoroughly:
            verdict = judge(_with_linked(reader, order))
        if verdict.whole and set(verdict.outcomes) == {"duplicate"} and not _applied_elsewhere(reader, order):
            return Verdict(FIRST_DELIVERY, verdict.outcomes)
        return verdict

    def _hopeless(self, order: Accepted) -> bool:
        overtaken = self._overtaken.get(order.item_id, 0.0) > order.at + _OVERTAKEN_S
        return (overtaken and time.time() > order.at + _OVERTAKEN_S) or self._closed_for(_OVERTAKEN_S)

    def _closed_for(self, seconds: float) -> bool:
        return bool(self._closed_at) and time.time() > self._closed_at + seconds

    def _note(self, order: Accepted, verdict: Verdict) -> None:
        self.whole += 1
        self._usual_s += 0.1 * (min(time.time() - order.at, _LATEST_LOOK_S) - self._usual_s)
        self._overtaken[order.item_id] = max(order.at, self._overtaken.get(order.item_id, 0.0))
        if verdict.outcomes.count("applied") > 1:
            self.doubled.append(order)
        if "sold_out" in verdict.outcomes:
            self.sold_out.append(order)


def _with_linked(reader: TraceReader, order: Accepted) -> Trace:
    """Return the order's trace with those that processed it: in link mode they are others."""
    ids = {order.trace_id, *reader.of_order(order.order_id)}
    return Trace(order.trace_id, [span for trace_id in ids for span in reader.get(trace_id).spans])


def _applied_elsewhere(reader: TraceReader, order: Accepted) -> bool:
    """Say whether an earlier try of the same order, which its shopper got no answer to, shows that it was applied."""
    others = (judge(reader.get(trace_id)) for trace_id in reader.of_order(order.order_id))
    return any({"applied", "sold_out"}.intersection(other.outcomes) for other in others)
