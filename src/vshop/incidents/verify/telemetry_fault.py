"""Verifies a telemetry fault: clean → on → its mark is seen, and the order is fine → conclusions hold → off → clean again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from vshop.incidents.patterns import By, MetricMove
from vshop.incidents.telemetry_fault import Conclusion, TelemetryFault
from vshop.incidents.verify.metric_match import read_metrics
from vshop.incidents.verify.outcome_match import own_dead_letters
from vshop.incidents.verify.run import OnPhase, Phase
from vshop.incidents.verify.value_match import mismatch
from vshop.incidents.verify.verdict import Check, Completeness, Verdict, all_ok
from vshop.kit.telemetry import SHOP_SERVICES
from vshop.kit.telemetry.alterations import Alteration
from vshop.kit.telemetry.modes import SDK
from vshop.kit.times import Clock
from vshop.shop.client import Placed, ShopClient, ShopError
from vshop.shop.spans import Span

AUTO_OFF_S = 300.0
"""Limit if the verification is killed."""
_SETTLED_S = 15.0
_CALM_S = 2.0
_MAX_ORDERS = 60
"""The chance that a sampler drops none of so many is below one in 10^18."""


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """One order's stored telemetry.

    ``short``: spans of the trace with the lower half of its id. ``searched``: log records that name the order, in any trace.
    """

    trace_id: str
    spans: Sequence[Span]
    short: Sequence[Span]
    logs: Sequence[Mapping[str, Any]]
    searched: Sequence[Mapping[str, Any]]

    @property
    def missing(self) -> list[str]:
        """The services without a span."""
        return [one for one in SHOP_SERVICES if one not in {span.service for span in self.spans}]


def short_id(trace_id: str) -> str:
    """Return the trace id with only its lower 64 bits."""
    return "0" * 16 + trace_id[16:]


class TelemetryFaultVerifier:
    """Verifies telemetry faults in sequence; nobody else may order."""

    def __init__(self, shop: ShopClient, clock: Clock | None = None) -> None:
        self._shop = shop
        self._clock = clock or Clock()
        self._clean: Telemetry | None = None
        self._completeness = Completeness()

    def verify(self, fault: TelemetryFault, on_phase: OnPhase = lambda _phase, _checks: None) -> Verdict:
        """Verify a fault, and switch it off in any case.

        A part that cannot be reached is a failed check, and so is another telemetry mode than ``sdk``: the fault's marks are
        those on the services' own spans and logs.
        """
        began, on_at = self._clock.monotonic(), self._clock.now()
        checks: list[Check] = []
        traces: list[str] = []

        def record(phase: Phase, found: Iterable[Check]) -> None:
            new = [msgspec.structs.replace(one, phase=phase) for one in found]
            checks.extend(new)
            on_phase(phase, new)

        mode = SDK
        try:
            mode = self._shop.telemetry_mode()
            if mode != SDK:
                record("clean", [Check(what="telemetry mode", ok=False, expected=SDK, seen=mode)])
            else:
                record("clean", self._run_clean(fault, self._clean))
            if all_ok(checks):
                try:
                    on_at = self._clock.now()
                    self._shop.telemetry_fault_on(fault.id, fault.alter, seconds=AUTO_OFF_S)
                    record("on", self._run_altered(fault, traces))
                finally:
                    off = self._shop.telemetry_fault_off(fault.id)
                on = [one["id"] for one in self._shop.telemetry_faults_on()]
                record("off", [Check(what="switch", ok=off == [fault.id] and fault.id not in on, expected="off", seen=on or "off")])
                record("clean again", self._run_clean(fault, None))
        except ShopError as error:
            record("on" if checks else "clean", [Check(what="shop", ok=False, expected="reachable", seen=str(error))])
        return Verdict(
            incident=fault.id,
            scope="telemetry",
            verified=bool(checks) and all_ok(checks),
            seconds=round(self._clock.monotonic() - began, 3),
            on_at=on_at,
            off_at=self._clock.now(),
            trace_ids=traces,
            checks=checks,
            telemetry=mode,
            telemetry_judged=mode == SDK,
            completeness=self._completeness,
        )

    def marks(self, fault: TelemetryFault, placed: Placed) -> list[Check]:
        """Check that telemetry is altered as the file says; a sampler decides by the trace id."""

        def altered(seen: Telemetry) -> list[bool]:
            return [mark(one, seen) or (one.action == "sample" and one.samples(placed.trace_id)) for one in fault.alter]

        seen, _ = self._clock.read_until(lambda: self._read(placed), lambda seen: all(altered(seen)), _SETTLED_S)
        words = f"{len(seen.spans)} spans, {len(seen.logs)} logs"
        return [
            Check(what=f"mark of {one.action}", ok=ok, expected="as the file says", seen=words)
            for one, ok in zip(fault.alter, altered(seen), strict=True)
        ]

    def _run_clean(self, fault: TelemetryFault, clean: Telemetry | None) -> list[Check]:
        """With the clean order of the previous fault, or a new one."""
        checks: list[Check] = []
        if clean is None:
            placed = self._order(fault)
            checks += self._outcome(fault, [placed])
            clean = self._clock.read_until(lambda: self._read(placed), lambda seen: not seen.missing, _SETTLED_S)[0]
            self._clean = clean
        missing = clean.missing
        checks.append(Check(what="whole trace", ok=not missing, expected="spans of every service", seen=missing or "all"))
        return checks + [
            Check(what=f"mark of {action}", ok=not marked, expected="not seen", seen="seen" if marked else "not seen")
            for action, marked in ((one.action, mark(one, clean)) for one in fault.alter)
        ]

    def _run_altered(self, fault: TelemetryFault, traces: list[str]) -> list[Check]:
        before = [self._value(one.metric) for one in fault.concludes]
        # A cleared observatory rejects spans that seem to be older than that.
        self._clock.sleep(max(0, *(-one.ms for one in fault.alter)) / 1000)
        orders = [self._order(fault) for _ in range(fault.orders)]
        samplers = [one for one in fault.alter if one.action == "sample"]
        while not all(any(not one.samples(placed.trace_id) for placed in orders) for one in samplers) and len(orders) < _MAX_ORDERS:
            orders.append(self._order(fault))
        traces += [placed.trace_id for placed in orders]
        checks = self._outcome(fault, orders)
        for placed in orders:
            checks += self.marks(fault, placed)
        checks += [check for one in fault.alter for check in self._after_a_while(one, fault, orders[-1])]
        return checks + [self._concluded(one, fault, orders, held) for one, held in zip(fault.concludes, before, strict=True)]

    def _after_a_while(self, one: Alteration, fault: TelemetryFault, placed: Placed) -> list[Check]:
        within_s = one.ms / 1000 + _SETTLED_S
        if one.action == "delay":
            late = self._clock.poll(lambda: not mark(one, self._read(placed)), within_s)
            return [Check(what="late span", ok=late, expected="arrives", seen="arrived" if late else "missing")]
        if one.action == "sampleErrors":
            refused = self._shop.place_order(fault.order.item_id, token="not-a-token")
            self._flush()
            kept = self._clock.poll(lambda: bool(self._shop.stored_spans(refused.trace_id)), within_s)
            dropped = not self._read(placed).spans
            return [
                Check(what="trace of a failing order", ok=kept, expected="kept", seen="kept" if kept else "dropped"),
                Check(what="trace of a good order", ok=dropped, expected="dropped", seen="dropped" if dropped else "kept"),
            ]
        return []

    def _value(self, metric: MetricMove | None) -> float:
        return read_metrics(self._shop, [metric])[0].value if metric is not None else 0.0

    def _concluded(self, one: Conclusion, fault: TelemetryFault, orders: Sequence[Placed], before: float) -> Check:
        def read() -> tuple[bool, str]:
            if one.metric is not None:
                by = self._value(one.metric) - before
                wanted = (one.metric.moves.by or 0) * len(orders) if isinstance(one.metric.moves, By) else by
                return by == wanted, f"{one.metric.name} by {by:g} for {len(orders)} orders"
            if one.log is None:
                included = self._included(fault, orders)
                return included == len(orders), f"{included} of {len(orders)} orders are in the stock"
            service, body = one.log.service, one.log.body
            found = [self._shop.logs(search=str(placed.order_id), service=service) for placed in orders]
            count = sum(any(mismatch(body, record["body"]) is None for record in records) for records in found)
            return count == len(orders), f"{count} of {len(orders)} orders have it"

        (ok, seen), _ = self._clock.read_until(read, lambda found: found[0], _SETTLED_S)
        return Check(what=f"conclusion from {one.signal}", ok=ok, expected=one.says, seen=seen)

    def _order(self, fault: TelemetryFault) -> Placed:
        return self._shop.place_order(fault.order.item_id, fault.order.quantity)

    def _outcome(self, fault: TelemetryFault, orders: Sequence[Placed]) -> list[Check]:
        self._flush()
        answers = sorted({placed.status for placed in orders})
        included, _ = self._clock.read_until(lambda: self._included(fault, orders), lambda count: count == len(orders), _SETTLED_S)
        letters = [one["id"] for one in own_dead_letters(orders, (), self._shop)]
        return [
            Check(what="answers", ok=answers == [202], expected=[202], seen=answers),
            Check(what="stock", ok=included == len(orders), expected=f"includes {len(orders)} orders", seen=included),
            Check(what="dead letters", ok=not letters, expected="none", seen=letters or "none"),
        ]

    def _included(self, fault: TelemetryFault, orders: Sequence[Placed]) -> int:
        recent = self._shop.item(fault.order.item_id)["recent"]
        return sum(placed.order_id in recent for placed in orders)

    def _flush(self) -> None:
        flushed = self._shop.flush()
        if not flushed.possible:
            self._completeness = Completeness(by="calm window", reason=flushed.reason)
            self._clock.sleep(_CALM_S)

    def _read(self, placed: Placed) -> Telemetry:
        short = short_id(placed.trace_id)
        return Telemetry(
            trace_id=placed.trace_id,
            spans=self._shop.stored_spans(placed.trace_id),
            short=self._shop.stored_spans(short),
            logs=[one for trace_id in (placed.trace_id, short) for one in self._shop.logs(traceId=trace_id)],
            searched=self._shop.logs(search=str(placed.order_id)),
        )


def mark(one: Alteration, seen: Telemetry) -> bool:
    """Return whether telemetry is altered so; a whole trace shows no mark."""
    matching, keys = _matching(one, seen.spans), tuple(one.keys)
    services = {span.service for span in seen.spans}
    labels = [label for span in seen.spans for label in span.attributes.items() if label[0].startswith(keys)]
    texts = [value for _, value in labels if isinstance(value, str)]
    absent = not matching and not ("logs" in one.signals and any(record["service"] in one.services for record in seen.logs))
    return {
        "drop": absent,
        "delay": absent,
        "sampleErrors": absent,
        "shift": _is_shifted(one, seen),
        "duplicate": len({span.span_id for span in seen.spans}) < len(seen.spans),
        "shortenTraceId": bool(_matching(one, seen.short)) and not matching,
        "strip": bool(seen.spans) and not labels,
        "cut": bool(texts) and max(map(len, texts)) <= one.length,
        "mirror": _is_mirrored(seen),
        "unlink": bool(matching) and not any(span.parent_id or span.links for span in matching),
        "keep": len(matching) == one.count,
        "sample": not one.samples(seen.trace_id) and not matching,
        "renameService": one.text in services and services.isdisjoint(one.services),
        "forgetTrace": not seen.logs and bool(seen.searched),
    }[one.action]


def _matching(one: Alteration, spans: Sequence[Span]) -> list[Span]:
    return [
        span
        for span in spans
        if one.concerns("spans", span.service) and span.name.startswith(one.name) and one.kind in {None, span.kind}
    ]


def _is_shifted(one: Alteration, seen: Telemetry) -> bool:
    moved, others = (
        [span.start_ns for span in seen.spans if (span.service in one.services) == of_services] for of_services in (True, False)
    )
    if not moved or not others:
        return False
    by_ms = (min(moved) - min(others)) / 1e6
    return by_ms > one.ms / 2 if one.ms > 0 else by_ms < one.ms / 2


def _is_mirrored(seen: Telemetry) -> bool:
    first, last = ([one["timestamp"] for one in seen.logs if one["service"] == service] for service in ("stock-updater", "orders"))
    return bool(first and last) and max(first) < min(last)
