"""Verifies an incident: clean → on → trigger → everything its file says is seen → off → clean again."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from vshop.incidents.incident import Incident, Scope
from vshop.incidents.verify.context import Context
from vshop.incidents.verify.expect_match import culprits
from vshop.incidents.verify.outcome_match import journal_check
from vshop.incidents.verify.protocols import ShopApi, Traces
from vshop.incidents.verify.run_broken import Baseline, BrokenRun, read_baseline, run_broken, run_recovery
from vshop.incidents.verify.run_clean import CleanRun, check_expect_fails_when_clean, run_clean
from vshop.incidents.verify.verdict import Check, Culprit, Verdict
from vshop.shop.client import ShopError
from vshop.shop.clock import Clock
from vshop.shop.traces import TraceError

Phase = Literal["clean", "on", "trigger", "off", "recovery", "clean again"]
OnPhase = Callable[[Phase, list[Check]], None]
AUTO_OFF = "300s"
"""Limit if the verification is killed."""


def verify(
    incident: Incident,
    shop: ShopApi,
    traces: Traces,
    *,
    scope: Scope = "global",
    on_phase: OnPhase = lambda _phase, _checks: None,
    clock: Clock | None = None,
    alone: bool = True,
    clean_runs: "CleanRunCache | None" = None,
) -> Verdict:
    """Verify an incident, and switch it off in any case. A part that cannot be reached is a failed check.

    ``alone``: whether nobody else orders meanwhile. If False, metrics and alerts are read only for the trigger's traces, and nobody
    else may order the trigger's items. ``clean_runs`` holds the previous incident's final clean run, which can be this one's first.
    """
    context = Context(incident, shop, traces, clock or Clock(), alone=alone)
    runner = _PhaseRunner(context, on_phase, CleanRunCache() if clean_runs is None else clean_runs)
    if incident.switch is None:
        return runner.verdict(runner.run_trigger, "none")
    taken: Scope = scope if scope in incident.switch.scope else incident.switch.scope[0]
    return runner.verdict(lambda: runner.run_switched(taken), taken)


class CleanRunCache:
    """Keeps a final clean run for the next incident with the same trigger."""

    def __init__(self) -> None:
        self._kept: tuple[object, CleanRun] | None = None

    def keep(self, incident: Incident, run: CleanRun) -> None:
        """Keep an incident's final clean run."""
        self._kept = ((incident.trigger, incident.steady_state), run)

    def take(self, incident: Incident) -> CleanRun | None:
        """Remove and return the kept run, if it fits."""
        kept, self._kept = self._kept, None
        return kept[1] if kept is not None and kept[0] == (incident.trigger, incident.steady_state) else None


class _PhaseRunner:
    def __init__(self, context: Context, on_phase: OnPhase, clean_runs: CleanRunCache) -> None:
        self._context = context
        self._clean_runs = clean_runs
        self._on_phase = on_phase
        self._checks: list[Check] = []
        self._on_at: float | None = None
        self._off_at: float | None = None
        self._broken_run: BrokenRun | None = None

    def verdict(self, run_phases: Callable[[], None], scope: str) -> Verdict:
        began = self._context.clock.monotonic()
        try:
            self._context.telemetry = self._context.shop.telemetry_mode()
            run_phases()
        except (ShopError, TraceError) as error:
            self._record("off" if self._off_at else "on" if self._on_at else "clean", [_unreachable(error)])
        observations, orders = (self._broken_run.observations, self._broken_run.orders) if self._broken_run else ([], [])
        found: list[Culprit] = culprits(self._context.incident.expect, observations)
        return Verdict(
            incident=self._context.incident.id,
            scope=scope,
            verified=bool(self._checks) and all(check.ok for check in self._checks),
            seconds=round(self._context.clock.monotonic() - began, 3),
            on_at=self._on_at,
            off_at=self._off_at,
            trace_ids=[placed.trace_id for placed in orders if placed.trace_id],
            culprits=found,
            checks=self._checks,
            telemetry=self._context.telemetry,
            telemetry_judged=self._context.judges_telemetry,
            completeness=self._context.completeness,
        )

    def run_trigger(self) -> None:
        self._on_at = self._context.clock.now()
        self._broken_run = run_broken(self._context, read_baseline(self._context), lambda: None, None)
        self._off_at = self._context.clock.now()
        self._record("trigger", self._broken_run.checks)

    def run_switched(self, scope: Scope) -> None:
        steady = self._context.incident.steady_state
        if steady is None:
            raise ValueError(f"{self._context.incident.id}: an incident with a switch needs a steadyState")
        first = self._clean_runs.take(self._context.incident) or run_clean(self._context, steady)
        checks = list(first.checks)
        if self._context.judges_telemetry and all(check.ok for check in checks):
            checks.append(check_expect_fails_when_clean(self._context, first.observations))
        if not self._record("clean", checks):
            return
        baseline = read_baseline(self._context, first.observations)
        self._on_at = self._context.clock.now()
        if scope == "global":
            run = self._run_globally(baseline)
            self._off_at = self._context.clock.now()
        else:
            run = run_broken(self._context, baseline, lambda: None, self._context.incident.id)
            self._off_at = self._context.clock.now()
            self._record("on", run.checks)
        self._broken_run = run
        if self._context.incident.recovery is not None:
            self._record("recovery", run_recovery(self._context, baseline, run))
        again = run_clean(self._context, steady)
        if self._record("clean again", again.checks):
            self._clean_runs.keep(self._context.incident, again)

    def _run_globally(self, baseline: Baseline) -> BrokenRun:
        context = self._context
        try:
            run = run_broken(context, baseline, lambda: context.shop.switch_on(context.incident.id, duration=AUTO_OFF), None)
            self._record("on", run.checks)
        finally:
            context.shop.switch_off(context.incident.id)
        journal = journal_check(context.incident.id, context.shop)
        self._record("off", [Check(what="switch", ok=True, expected="off", seen="off"), journal])
        return run

    def _record(self, phase: Phase, checks: Iterable[Check]) -> bool:
        named = [msgspec.structs.replace(check, phase=phase) for check in checks]
        self._checks += named
        self._on_phase(phase, named)
        return all(check.ok for check in named)


def _unreachable(error: Exception) -> Check:
    return Check(what="the shop", ok=False, expected="answers", seen=str(error))
