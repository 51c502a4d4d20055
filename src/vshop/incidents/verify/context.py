"""Observes a shop's orders, and knows when their telemetry is complete."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from vshop.incidents.incident import Incident
from vshop.incidents.patterns import MetricMove
from vshop.incidents.verify.metric_match import Reading, read_metrics, read_metrics_of_traces, wait_for_export
from vshop.incidents.verify.observation import Observation, all_whole, observe, own_trace
from vshop.incidents.verify.verdict import Check, Completeness, all_ok
from vshop.kit.telemetry.modes import SDK
from vshop.kit.times import Clock
from vshop.shop.client import Placed, ShopClient
from vshop.shop.flush import Flush
from vshop.shop.traces import TraceReader

CALM_S = 0.4
"""Where services cannot be flushed: a whole trace is complete after so long without a new span (export delay: 0.2 s)."""
CALM_PARTIAL_S = 1.5
"""The same where a hop is missing: the consumer may only be late."""
CALM_TIMEOUT_S = 20.0
UNPROCESSED_S = 1.5
"""For the consumer to process the orders' records in a flush."""
STALLED_S = 5.0
"""The same where no span shows that the consumer does not reach them."""
COUNTED_AFTER_S = 0.1
"""Without a flush: from a span's end until its request certainly shows in the metrics."""
JUDGED_AHEAD_S = 60.0
"""From the last span: beyond every rule's grace period."""
_POLL_EVERY_S = 0.1
_RECORD_POSITION = ("messaging.kafka.offset", "messaging.destination.partition.id")
"""A span may lack them: attributes can be limited."""


class Observer:
    """Observes orders. ``completeness`` says how, ``complete`` whether all telemetry of the last orders had arrived."""

    def __init__(self, shop: ShopClient, traces: TraceReader, clock: Clock) -> None:
        self.shop = shop
        self.traces = traces
        self.clock = clock
        self.completeness = Completeness()
        self.complete = False
        self.telemetry = SDK

    @property
    def judges_telemetry(self) -> bool:
        """Whether the services make the telemetry that the files describe."""
        return self.telemetry == SDK

    def observe(self, orders: Sequence[Placed]) -> list[Observation]:
        """Observe each order as it is now."""
        return [observe(placed, self.traces, self.shop) for placed in orders]

    def observe_when_complete(
        self,
        orders: Sequence[Placed],
        enough: Callable[[Sequence[Observation]], bool],
        timeout_s: float = CALM_TIMEOUT_S,
        judged: Sequence[Placed] | None = None,
        *,
        metrics: bool = True,
    ) -> list[Observation]:
        """Observe ``judged`` (or all) orders once every service has flushed and the consumer has processed their records.

        A record that stays unprocessed also ends the wait, once the observations show ``enough``: its spans are missing because the
        consumer does not reach it. No span arrives later.
        """
        began = self.clock.monotonic()
        judged = orders if judged is None else judged
        while True:
            flushed = self.flush(orders, metrics=metrics)
            if not flushed.possible:
                self.complete = False
                self.clock.poll(lambda: enough(self.observe(judged)), timeout_s)
                return self._observe_when_calm(judged)
            observations = self.observe(judged)
            if flushed.complete or enough(observations) or self.clock.monotonic() - began > timeout_s:
                self.complete = flushed.complete
                self._note("flush", flushed.reason)
                return observations
            self.clock.sleep(_POLL_EVERY_S)

    def observe_agent(self, orders: Sequence[Placed], timeout_s: float = CALM_TIMEOUT_S) -> list[Observation]:
        """Observe what an agent recorded, once no span has arrived for a while."""
        self.wait_processed()
        self.clock.poll(lambda: any(seen.spans for seen in self.observe(orders)), timeout_s)
        return self._observe_when_calm(orders)

    def wait_processed(self) -> None:
        """Wait until the consumer has processed every record, within limits."""
        flushed = self.shop.flush(("stock-updater",), within_s=STALLED_S, metrics=False)
        if not flushed.possible:
            self._note("calm window", flushed.reason)

    def flush(self, orders: Sequence[Placed] = (), *, metrics: bool = True) -> Flush:
        """Flush every service, and wait until the consumer has processed the orders."""
        traces = [placed.trace_id for placed in orders] or None
        flushed = self.shop.flush(("orders", "auth-stub"), traces=traces, within_s=UNPROCESSED_S, metrics=metrics)
        if flushed.possible:
            offsets = self._offsets(orders)
            consumer = self.shop.flush(("stock-updater",), traces=traces, offsets=offsets, within_s=UNPROCESSED_S, metrics=metrics)
            reasons = "; ".join(filter(None, (flushed.reason, consumer.reason)))
            flushed = Flush(possible=consumer.possible, reason=reasons)
        if not flushed.possible:
            self._note("calm window", flushed.reason)
        return flushed

    def wait_for_metrics(self, observations: Sequence[Observation] = ()) -> None:
        """Wait until the exported metrics count everything observed, or everything so far."""
        ends = sorted((seen.span.end_ns / 1e9, seen.span.service) for observation in observations for seen in observation.spans)
        began, last_end = self.clock.now(), ends[-1][0] if ends else 0.0
        moments: float | Mapping[str, float]
        if ends and self.complete:
            moments = {service: end for end, service in ends}
        elif self.flush().possible:
            moments = max(began, last_end)
        else:
            moments = last_end + COUNTED_AFTER_S if ends else began
        wait_for_export(self.shop, self.clock, moments)

    def _note(self, by: Literal["flush", "calm window"], reason: str) -> None:
        if reason and (not self.completeness.reason or (by, self.completeness.by) == ("calm window", "flush")):
            self.completeness = Completeness(by=by, reason=reason)

    def _offsets(self, orders: Sequence[Placed]) -> Mapping[int, int]:
        offsets: dict[int, int] = {}
        for placed in orders:
            for span in own_trace(placed, self.traces).find(kind="PRODUCER"):
                topic = str(span.attributes.get("messaging.destination.name"))
                offset, partition = (str(span.stable.get(name, "")) for name in _RECORD_POSITION)
                if offset.isdecimal() and partition.isdecimal() and not topic.endswith(".dlq"):
                    offsets[int(partition)] = max(offsets.get(int(partition), 0), int(offset) + 1)
        return offsets

    def _observe_when_calm(self, orders: Sequence[Placed]) -> list[Observation]:
        began = changed = self.clock.monotonic()
        previous: list[frozenset[str]] = []
        while True:
            observations = self.observe(orders)
            ids, now = [observation.span_ids for observation in observations], self.clock.monotonic()
            if ids != previous:
                previous, changed = ids, now
            if now - changed >= (CALM_S if all_whole(observations) else CALM_PARTIAL_S) or now - began > CALM_TIMEOUT_S:
                return observations
            self.clock.sleep(_POLL_EVERY_S)


class Context(Observer):
    """An incident and the shop to verify it on."""

    def __init__(self, incident: Incident, shop: ShopClient, traces: TraceReader, clock: Clock, *, alone: bool = True) -> None:
        super().__init__(shop, traces, clock)
        self.incident = incident
        self.alone = alone

    def read_metrics(self, moves: Sequence[MetricMove], since: float = 0.0, trace_ids: Sequence[str] = ()) -> list[Reading]:
        """Read metrics as totals or, where others order too, the measurements of some traces."""
        if self.alone:
            return read_metrics(self.shop, moves, since)
        return read_metrics_of_traces(self.shop, moves, since, trace_ids) if trace_ids else [Reading(0.0, 0.0) for _ in moves]

    def read_alerts(self, since: float, observations: Sequence[Observation], trace_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Read the alerts; if observations are complete, as of the end of every rule's grace period."""
        ends = [seen.span.end_ns / 1e9 for observation in observations for seen in observation.spans]
        at = max(ends) + JUDGED_AHEAD_S if ends and self.complete else None
        return self.shop.alerts(since, at=at, trace_ids=() if self.alone else trace_ids)

    def poll_checks(self, check: Callable[[], list[Check]], timeout_s: float) -> list[Check]:
        """Repeat checks until all pass or the time is over; return the latest."""
        return self.clock.read_until(check, all_ok, timeout_s)[0]


def all_trace_ids(orders: Sequence[Placed], observations: Sequence[Observation]) -> list[str]:
    """Return the ids of the orders' and the linked traces."""
    linked = (one for observation in observations for one in observation.trace_ids)
    return list(dict.fromkeys([*(placed.trace_id for placed in orders if placed.trace_id), *linked]))
