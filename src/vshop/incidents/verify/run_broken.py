"""Runs trigger and recovery with the incident on, and checks what its file expects."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from vshop.incidents.verify.alert_match import firing_checks, silent_checks
from vshop.incidents.verify.context import Context, all_trace_ids
from vshop.incidents.verify.expect_match import bind_spans, forbidden_checks, present_checks
from vshop.incidents.verify.metric_match import Reading, metric_checks
from vshop.incidents.verify.observation import Observation
from vshop.incidents.verify.outcome_match import (
    Stocks,
    answer_checks,
    dead_letter_checks,
    own_dead_letters,
    read_stocks,
    stock_checks,
)
from vshop.incidents.verify.span_match import search_spans, span_checks
from vshop.incidents.verify.trigger_orders import judged_orders, send_trigger
from vshop.incidents.verify.verdict import Check
from vshop.shop.client import Placed

_SHORT_TIMEOUT_S = 1.0

SwitchOn = Callable[[], dict[str, Any] | None]


class Baseline(msgspec.Struct, frozen=True):
    """Stock and metrics just before the incident."""

    at: float
    stock: Stocks
    metrics: list[Reading]


class BrokenRun(msgspec.Struct, frozen=True):
    """The orders with the incident on, and their checks."""

    checks: list[Check]
    orders: list[Placed]
    observations: list[Observation]

    @property
    def trace_ids(self) -> list[str]:
        """The ids of the orders' traces and of the linked ones."""
        return all_trace_ids(self.orders, self.observations)


def read_baseline(context: Context, earlier: Sequence[Observation] = ()) -> Baseline:
    """Read stock and metrics, once the metrics count all earlier events."""
    incident = context.incident
    moves = incident.expect.metrics if context.judges_telemetry else []
    if moves and context.alone:
        context.wait_for_metrics(earlier)
    changes = [*incident.symptom.stocks, *(incident.recovery.stocks if incident.recovery else [])]
    return Baseline(context.clock.now(), read_stocks(changes, context.shop), context.read_metrics(moves))


def run_broken(context: Context, baseline: Baseline, switch_on: SwitchOn, baggage: str | None) -> BrokenRun:
    """Switch on for everybody or, by baggage, for the trigger; send the trigger and check."""
    incident = context.incident
    answer = switch_on()
    checks = [] if answer is None else [_acknowledged(answer)]
    orders = send_trigger(incident.trigger, context.shop, context.clock, baggage)
    judged = judged_orders(incident.trigger, orders)
    checks += answer_checks(incident.symptom, judged)
    observations: list[Observation] = []
    if context.judges_telemetry:
        observations, found = _spans_and_logs(context, orders, judged)
        checks += found
    else:
        context.wait_processed()
    trace_ids = all_trace_ids(orders, observations)
    checks += context.poll_checks(
        lambda: [
            *stock_checks(incident.symptom.stocks, baseline.stock, context.shop),
            *dead_letter_checks(incident.symptom, orders, trace_ids, context.shop),
        ],
        _timeout_s(checks, incident.symptom.within_ms),
    )
    run = BrokenRun(checks, orders, observations)
    if context.judges_telemetry:
        checks += _metrics(context, baseline, run)
        checks += _alerts(context, baseline.at, run)
    return run


def _spans_and_logs(context: Context, orders: Sequence[Placed], judged: Sequence[Placed]) -> tuple[list[Observation], list[Check]]:
    expect = context.incident.expect
    observations = context.observe_when_complete(
        orders,
        lambda observations: all(check.ok for check in present_checks(expect, observations)),
        expect.within_ms / 1000,
        judged,
    )
    return observations, [*present_checks(expect, observations), *forbidden_checks(expect, observations)]


def _timeout_s(checks: Sequence[Check], within_ms: float) -> float:
    return within_ms / 1000 if all(check.ok for check in checks) else min(within_ms / 1000, _SHORT_TIMEOUT_S)


def _acknowledged(answer: dict[str, Any]) -> Check:
    by: Sequence[str] = answer.get("acknowledgedBy", [])
    evidence = {"acknowledgedBy": list(by), "ackMs": answer.get("ackMs")}
    return Check(what="switch", ok=True, expected="acknowledged by every service concerned", seen=", ".join(by), evidence=evidence)


def _metrics(context: Context, baseline: Baseline, run: BrokenRun) -> list[Check]:
    moves = context.incident.expect.metrics
    if not moves:
        return []
    context.wait_for_metrics(run.observations)
    return context.poll_checks(
        lambda: metric_checks(moves, baseline.metrics, context.read_metrics(moves, baseline.at, run.trace_ids)),
        _timeout_s(run.checks, max(move.within_ms for move in moves)),
    )


def _alerts(context: Context, since: float, run: BrokenRun) -> list[Check]:
    expected = context.incident.expect.alerts
    if not expected.firing and not expected.silent:
        return []
    firing = context.poll_checks(
        lambda: firing_checks(expected.firing, context.read_alerts(since, run.observations, run.trace_ids)),
        _timeout_s(run.checks, max((alert.within_ms for alert in expected.firing), default=0)),
    )
    return [*firing, *silent_checks(expected, context.read_alerts(since, run.observations, run.trace_ids))]


def run_recovery(context: Context, baseline: Baseline, run: BrokenRun) -> list[Check]:
    """Replay the trigger's dead letters if the file says so, then poll stock and traces."""
    recovery = context.incident.recovery
    if recovery is None:
        return []
    checks = _replay(context, run) if recovery.replay_dead_letters else []

    def check() -> list[Check]:
        found = stock_checks(recovery.stocks, baseline.stock, context.shop)
        if recovery.spans:
            for observation in context.observe([earlier.placed for earlier in run.observations]):
                bound = bind_spans(context.incident.expect, observation)
                found += span_checks(recovery.spans, search_spans(recovery.spans, observation, bound))
        return found

    return checks + context.poll_checks(check, recovery.within_ms / 1000)


def _replay(context: Context, run: BrokenRun) -> list[Check]:
    letters = [letter["id"] for letter in own_dead_letters(run.orders, all_trace_ids(run.orders, ()), context.shop)]
    replayed = [letter for letter in letters if context.shop.replay(letter)["replayed"]]
    return [
        Check(
            what="dead letters",
            ok=bool(letters) and replayed == letters,
            expected="the trigger's are replayed",
            seen=f"{len(replayed)} of {len(letters)} replayed",
            evidence={"ids": letters},
        )
    ]
