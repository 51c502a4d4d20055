"""Verifies a telemetry fault: clean → on → its mark is seen, and the order is fine → conclusions hold → off → clean again."""

from collections.abc import Callable, Iterable, Sequence

from vshop.incidents.patterns import By, MetricMove
from vshop.incidents.telemetry_fault import Conclusion, TelemetryFault
from vshop.incidents.verify.metric_match import Reading, read_metrics
from vshop.incidents.verify.run import OnPhase, Phase
from vshop.incidents.verify.telemetry_marks import Telemetry, mark, short_id
from vshop.incidents.verify.value_match import mismatch
from vshop.incidents.verify.verdict import Check, Completeness, Verdict
from vshop.kit.telemetry.modes import SDK
from vshop.shop.client import Placed, ShopClient, ShopError
from vshop.shop.clock import Clock

AUTO_OFF_S = 300.0
"""Limit if the verification is killed."""
_SETTLED_S = 15.0
_CALM_S = 2.0
_MAX_ORDERS = 60
"""The chance that a sampler drops none of so many is below one in 10^18."""


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
            new = [Check(phase=phase, what=one.what, ok=one.ok, expected=one.expected, seen=one.seen) for one in found]
            checks.extend(new)
            on_phase(phase, new)

        mode = SDK
        try:
            mode = self._shop.telemetry_mode()
            if mode != SDK:
                record("clean", [Check(what="telemetry mode", ok=False, expected=SDK, seen=mode)])
            else:
                record("clean", self._run_clean(fault, fresh=self._clean is None))
            if all(check.ok for check in checks):
                try:
                    on_at = self._clock.now()
                    self._shop.telemetry_fault_on(fault.id, fault.alter, seconds=AUTO_OFF_S)
                    record("on", self._run_altered(fault, traces))
                finally:
                    off = self._shop.telemetry_fault_off(fault.id)
                on = [one["id"] for one in self._shop.telemetry_faults_on()]
                record("off", [Check(what="switch", ok=off == [fault.id] and fault.id not in on, expected="off", seen=on or "off")])
                record("clean again", self._run_clean(fault, fresh=True))
        except ShopError as error:
            record("on" if checks else "clean", [Check(what="shop", ok=False, expected="reachable", seen=str(error))])
        return Verdict(
            incident=fault.id,
            scope="telemetry",
            verified=bool(checks) and all(check.ok for check in checks),
            seconds=round(self._clock.monotonic() - began, 3),
            on_at=on_at,
            off_at=self._clock.now(),
            trace_ids=traces,
            checks=checks,
            telemetry=mode,
            telemetry_judged=mode == SDK,
            completeness=self._completeness,
        )

    def _run_clean(self, fault: TelemetryFault, *, fresh: bool) -> list[Check]:
        checks: list[Check] = []
        if fresh:
            placed = self._order(fault)
            self._flush()
            checks += self._outcome(fault, [placed])
            self._clean = self._read_until(placed, lambda seen: not missing_services(seen))
        seen = self._clean
        if seen is None:
            raise ValueError("there is no clean order")
        missing = missing_services(seen)
        checks.append(Check(what="whole trace", ok=not missing, expected="spans of every service", seen=missing or "all"))
        for one in fault.alter:
            absent = not mark(one, seen) or (one.action == "sample" and one.samples(seen.trace_id))
            checks.append(
                Check(what=f"mark of {one.action}", ok=absent, expected="not seen", seen="not seen" if absent else "seen")
            )
        return checks

    def _run_altered(self, fault: TelemetryFault, traces: list[str]) -> list[Check]:
        moves = [one.metric for one in fault.concludes if one.metric is not None]
        before = read_metrics(self._shop, moves)
        # A cleared observatory rejects spans that seem to be older than that.
        self._clock.sleep(max(0, *(-one.ms for one in fault.alter)) / 1000)
        orders = [self._order(fault) for _ in range(fault.orders)]
        samplers = [one for one in fault.alter if one.action == "sample"]
        while not all(any(not one.samples(placed.trace_id) for placed in orders) for one in samplers) and len(orders) < _MAX_ORDERS:
            orders.append(self._order(fault))
        traces += [placed.trace_id for placed in orders]
        self._flush()
        checks = self._outcome(fault, orders)
        for placed in orders:
            checks += self.marks(fault, placed)
        checks += self._after_a_while(fault, orders[-1])
        return checks + self._conclusions(fault, orders, moves, before)

    def marks(self, fault: TelemetryFault, placed: Placed) -> list[Check]:
        """Check that telemetry is altered as the file says; a sampler decides by the trace id."""

        def wanted(seen: Telemetry) -> list[bool]:
            return [mark(one, seen) != (one.action == "sample" and one.samples(placed.trace_id)) for one in fault.alter]

        seen = self._read_until(placed, lambda seen: all(wanted(seen)))
        return [
            Check(
                what=f"mark of {one.action}",
                ok=ok,
                expected="as the file says",
                seen=f"{len(seen.spans)} spans, {len(seen.logs)} logs",
            )
            for one, ok in zip(fault.alter, wanted(seen), strict=True)
        ]

    def _after_a_while(self, fault: TelemetryFault, placed: Placed) -> list[Check]:
        checks = []
        for one in fault.alter:
            if one.action == "delay":
                late = self._clock.poll(lambda one=one: not mark(one, self._read(placed)), one.ms / 1000 + _SETTLED_S)  # type: ignore[misc]
                checks.append(Check(what="late span", ok=late, expected="arrives", seen="arrived" if late else "missing"))
            if one.action == "sampleErrors":
                refused = self._shop.place_order(fault.order.item_id, token="not-a-token")
                self._flush()
                kept = self._clock.poll(lambda: bool(self._shop.stored_spans(refused.trace_id)), one.ms / 1000 + _SETTLED_S)  # noqa: B023
                dropped = not self._read(placed).spans
                checks.append(Check(what="trace of a failing order", ok=kept, expected="kept", seen="kept" if kept else "dropped"))
                checks.append(
                    Check(what="trace of a good order", ok=dropped, expected="dropped", seen="dropped" if dropped else "kept")
                )
        return checks

    def _conclusions(
        self, fault: TelemetryFault, orders: Sequence[Placed], moves: Sequence[MetricMove], before: Sequence[Reading]
    ) -> list[Check]:
        after: list[Reading] = []

        def moved() -> bool:
            after[:] = read_metrics(self._shop, moves)
            return all(self._moved(*pair, len(orders))[0] for pair in zip(moves, before, after, strict=True))

        self._clock.poll(moved, _SETTLED_S if moves else 0)
        readings = iter(zip(moves, before, after, strict=True))
        checks = []
        for one in fault.concludes:
            ok, seen = self._moved(*next(readings), len(orders)) if one.metric else self._shown(one, fault, orders)
            checks.append(Check(what=f"conclusion from {one.signal}", ok=ok, expected=one.says, seen=seen))
        return checks

    @staticmethod
    def _moved(move: MetricMove, before: Reading, after: Reading, orders: int) -> tuple[bool, str]:
        by = after.value - before.value
        wanted = (move.moves.by or 0) * orders if isinstance(move.moves, By) else by
        return by == wanted, f"{move.name} by {by:g} for {orders} orders"

    def _shown(self, one: Conclusion, fault: TelemetryFault, orders: Sequence[Placed]) -> tuple[bool, str]:
        if one.log is None:
            included = self._included(fault, orders)
            return included == len(orders), f"{included} of {len(orders)} orders are in the stock"
        log = one.log

        def found(placed: Placed) -> bool:
            records = self._shop.logs(search=str(placed.order_id), service=log.service)
            return any(mismatch(log.body, record["body"]) is None for record in records)

        count = sum(self._clock.poll(lambda placed=placed: found(placed), _SETTLED_S) for placed in orders)  # type: ignore[misc]
        return count == len(orders), f"{count} of {len(orders)} orders have it"

    def _order(self, fault: TelemetryFault) -> Placed:
        return self._shop.place_order(fault.order.item_id, fault.order.quantity)

    def _outcome(self, fault: TelemetryFault, orders: Sequence[Placed]) -> list[Check]:
        answers = sorted({placed.status for placed in orders})
        self._clock.poll(lambda: self._included(fault, orders) == len(orders), _SETTLED_S)
        included = self._included(fault, orders)
        ids = {str(placed.order_id) for placed in orders}
        letters = [one["id"] for one in self._shop.dead_letters() if any(name in str(one["value"]) for name in ids)]
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

    def _read_until(self, placed: Placed, enough: Callable[[Telemetry], bool]) -> Telemetry:
        self._clock.poll(lambda: enough(self._read(placed)), _SETTLED_S)
        return self._read(placed)

    def _read(self, placed: Placed) -> Telemetry:
        short = short_id(placed.trace_id)
        return Telemetry(
            trace_id=placed.trace_id,
            spans=self._shop.stored_spans(placed.trace_id),
            short=self._shop.stored_spans(short),
            logs=[one for trace_id in (placed.trace_id, short) for one in self._shop.logs(traceId=trace_id)],
            searched=self._shop.logs(search=str(placed.order_id)),
        )


def missing_services(seen: Telemetry) -> list[str]:
    """Return the services without a span in a trace."""
    return [one for one in ("orders", "auth-stub", "stock-updater") if one not in {span["service"] for span in seen.spans}]
