"""Verifies an incident: clean → on → trigger → everything its file says is seen → off → clean again."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from vshop.incidents.incident import Incident, Scope
from vshop.incidents.verify.context import Context
from vshop.incidents.verify.expect_match import culprits
from vshop.incidents.verify.outcome_match import journal_check
from vshop.incidents.verify.phases import (
    Baseline,
    BrokenRun,
    CleanRun,
    TakenScope,
    check_expect_fails_when_clean,
    read_baseline,
    run_broken,
    run_clean,
    run_recovery,
)
from vshop.incidents.verify.verdict import Check, Verdict, all_ok
from vshop.kit.times import Clock
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.traces import TraceReader

Phase = Literal["clean", "on", "trigger", "off", "recovery", "clean again"]
OnPhase = Callable[[Phase, list[Check]], None]


def verify(
    incident: Incident,
    shop: ShopClient,
    traces: TraceReader,
    *,
    scope: Scope = "global",
    on_phase: OnPhase = lambda _phase, _checks: None,
    clock: Clock | None = None,
    alone: bool = True,
    clean_runs: list[CleanRun] | None = None,
) -> Verdict:
    """Verify an incident, and switch it off in any case. A part that cannot be reached is a failed check.

    ``alone``: whether nobody else orders meanwhile. If False, metrics and alerts are read only for the trigger's traces, and nobody
    else may order the trigger's items. ``clean_runs`` holds the previous incident's final clean run, which can be this one's first.
    """
    context, switch = Context(incident, shop, traces, clock or Clock(), alone=alone), incident.switch
    taken: TakenScope = "none" if switch is None else scope if scope in switch.scope else switch.scope[0]
    began = context.clock.monotonic()
    phases = _Phases(context, taken, on_phase, [] if clean_runs is None else clean_runs)
    try:
        context.telemetry = shop.telemetry_mode()
        phases.run()
    except ShopError as error:
        phases.record_unreachable(error)
    run = phases.broken or BrokenRun([], [], [])
    return Verdict(
        incident=incident.id,
        scope=taken,
        verified=bool(phases.checks) and all_ok(phases.checks),
        seconds=round(context.clock.monotonic() - began, 3),
        on_at=phases.on_at,
        off_at=phases.off_at,
        trace_ids=[placed.trace_id for placed in run.orders if placed.trace_id],
        culprits=culprits(incident.expect, run.observations),
        checks=phases.checks,
        telemetry=context.telemetry,
        telemetry_judged=context.judges_telemetry,
        completeness=context.completeness,
    )


class _Phases:
    def __init__(self, context: Context, scope: TakenScope, on_phase: OnPhase, clean_runs: list[CleanRun]) -> None:
        self._context = context
        self._scope = scope
        self._on_phase = on_phase
        self._clean_runs = clean_runs
        self.checks: list[Check] = []
        self.on_at: float | None = None
        self.off_at: float | None = None
        self.broken: BrokenRun | None = None

    def run(self) -> None:
        context, incident, steady = self._context, self._context.incident, self._context.incident.steady_state
        if self._scope == "none":
            self._run_on(read_baseline(context))
            return
        if steady is None:
            raise ValueError(f"{incident.id}: an incident with a switch needs a steadyState")
        kept = self._clean_runs.pop() if self._clean_runs else None
        first = kept if kept is not None and kept.fits(incident) else run_clean(context, steady)
        checks = list(first.checks)
        if context.judges_telemetry and all_ok(checks):
            checks.append(check_expect_fails_when_clean(context, first.observations))
        if not self._record("clean", checks):
            return
        baseline = read_baseline(context, first.observations)
        run = self._run_on(baseline)
        if incident.recovery is not None:
            self._record("recovery", run_recovery(context, baseline, run))
        again = run_clean(context, steady)
        if self._record("clean again", again.checks):
            self._clean_runs.append(again)

    def _run_on(self, baseline: Baseline) -> BrokenRun:
        context, incident_id = self._context, self._context.incident.id
        self.on_at = context.clock.now()
        try:
            run = run_broken(context, baseline, self._scope)
            self._record("trigger" if self._scope == "none" else "on", run.checks)
        finally:
            if self._scope == "global":
                context.shop.switch_off(incident_id)
        if self._scope == "global":
            journal = journal_check(incident_id, context.shop)
            self._record("off", [Check(what="switch", ok=True, expected="off", seen="off"), journal])
        self.broken, self.off_at = run, context.clock.now()
        return run

    def record_unreachable(self, error: Exception) -> None:
        check = Check(what="the shop", ok=False, expected="answers", seen=str(error))
        self._record("off" if self.off_at else "on" if self.on_at else "clean", [check])

    def _record(self, phase: Phase, checks: Iterable[Check]) -> bool:
        named = [msgspec.structs.replace(check, phase=phase) for check in checks]
        self.checks += named
        self._on_phase(phase, named)
        return all_ok(named)
