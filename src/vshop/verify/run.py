"""Verifies an incident: clean → on → trigger → everything its file says is seen → off → clean again."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from vshop.client import ShopError
from vshop.incidents.incident import Incident, Scope
from vshop.traces import TraceError
from vshop.verify.broken import Before, Broken, before, broken
from vshop.verify.clean import clean, expects_nothing
from vshop.verify.expected import culprits
from vshop.verify.pace import Pace
from vshop.verify.ports import Shop, Traces
from vshop.verify.recovered import recovered
from vshop.verify.stage import Stage
from vshop.verify.verdict import Check, Culprit, Verdict

Phase = Literal["clean", "on", "trigger", "off", "recovery", "clean again"]
Watch = Callable[[Phase, list[Check]], None]
"""Told of each phase when it is over, with its checks."""

AT_MOST_ON = "300s"
"""The board switches off by itself after this long, should a verification be killed."""


def verify(
    incident: Incident,
    shop: Shop,
    traces: Traces,
    *,
    scope: Scope = "global",
    watch: Watch = lambda _phase, _checks: None,
    pace: Pace | None = None,
) -> Verdict:
    """Verify an incident on a shop that nobody else orders from meanwhile; whatever happens, it is off in the end.

    Args:
        incident: what to verify.
        shop: the shop, such as a ``ShopClient``.
        traces: where its traces are read, such as a ``TraceFinder``.
        scope: ``global``: switched on for everybody, by the board. ``request``: for the trigger's requests alone, by baggage;
            where the incident does not allow what is asked for, the other is taken.
        watch: told of each phase.
        pace: the clock.

    Returns:
        What was found. A part of the shop that cannot be reached is a failed check, not an exception.
    """
    run = _Run(Stage(incident, shop, traces, pace or Pace()), watch)
    if incident.switch is None:
        return run.verdict(run.triggered, "none")
    taken: Scope = scope if scope in incident.switch.scope else incident.switch.scope[0]
    return run.verdict(lambda: run.switched(taken), taken)


class _Run:
    """One verification: its phases in their order, and what they found so far."""

    def __init__(self, stage: Stage, watch: Watch) -> None:
        self._stage = stage
        self._watch = watch
        self._checks: list[Check] = []
        self._on_at: float | None = None
        self._off_at: float | None = None
        self._seen: Broken | None = None

    def verdict(self, go: Callable[[], None], scope: str) -> Verdict:
        """Go through the phases and put together what they found."""
        began = self._stage.pace.now()
        try:
            go()
        except (ShopError, TraceError) as error:
            self._found("off" if self._off_at else "on" if self._on_at else "clean", [_unreachable(error)])
        scenes, orders = (self._seen.scenes, self._seen.orders) if self._seen else ([], [])
        found: list[Culprit] = culprits(self._stage.incident.expect, scenes)
        return Verdict(
            incident=self._stage.incident.id,
            scope=scope,
            verified=bool(self._checks) and all(check.ok for check in self._checks),
            seconds=round(self._stage.pace.now() - began, 3),
            on_at=self._on_at,
            off_at=self._off_at,
            trace_ids=[placed.trace_id for placed in orders],
            culprits=found,
            checks=self._checks,
        )

    def triggered(self) -> None:
        """Send the trigger of an incident without a switch; nothing is to be switched, and nothing clean to compare with."""
        self._on_at = self._stage.pace.now()
        self._seen = broken(self._stage, before(self._stage), lambda: None, None)
        self._off_at = self._stage.pace.now()
        self._found("trigger", self._seen.checks)

    def switched(self, scope: Scope) -> None:
        """Go through all phases of an incident with a switch; one that fails on the clean shop is never switched on."""
        steady = self._stage.incident.steady_state
        if steady is None:
            raise ValueError(f"{self._stage.incident.id}: what is switched needs a steadyState")
        checks, scenes = clean(self._stage, steady)
        if all(check.ok for check in checks):
            checks.append(expects_nothing(self._stage, scenes))
        if not self._found("clean", checks):
            return
        start = before(self._stage, scenes)
        self._on_at = self._stage.pace.now()
        seen = self._on(start) if scope == "global" else broken(self._stage, start, lambda: None, self._stage.incident.id)
        self._off_at = self._stage.pace.now()
        self._found("on", seen.checks) if scope == "request" else None
        self._seen = seen
        if self._stage.incident.recovery is not None:
            self._found("recovery", recovered(self._stage, start, seen))
        self._found("clean again", clean(self._stage, steady)[0])

    def _on(self, start: Before) -> Broken:
        """Look at the shop while the incident is on for everybody; off again however that ends, by Ctrl-C too."""
        stage = self._stage
        try:
            seen = broken(stage, start, lambda: stage.shop.switch_on(stage.incident.id, duration=AT_MOST_ON), None)
            self._found("on", seen.checks)
        finally:
            stage.shop.switch_off(stage.incident.id)
        self._found("off", [Check(what="switch", ok=True, expected="off", seen="off")])
        return seen

    def _found(self, phase: Phase, checks: Iterable[Check]) -> bool:
        """Keep a phase's checks and tell whoever watches; returns whether all are as expected."""
        named = [msgspec.structs.replace(check, phase=phase) for check in checks]
        self._checks += named
        self._watch(phase, named)
        return all(check.ok for check in named)


def _unreachable(error: Exception) -> Check:
    return Check(what="the shop", ok=False, expected="answers", seen=str(error))
