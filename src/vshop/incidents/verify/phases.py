"""Runs an incident's trigger on the clean shop and with the incident on, and its recovery, and checks what its file expects."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from vshop.incidents.incident import ExpectedOutcome, Incident, Scope
from vshop.incidents.verify.context import Context, all_trace_ids
from vshop.incidents.verify.expect_match import alert_checks, bind_spans, present_checks, telemetry_checks
from vshop.incidents.verify.metric_match import Reading, metric_checks
from vshop.incidents.verify.observation import Observation, all_whole
from vshop.incidents.verify.outcome_match import (
    Stocks,
    answer_checks,
    dead_letter_checks,
    own_dead_letters,
    read_stocks,
    stock_checks,
)
from vshop.incidents.verify.span_match import search_spans, span_checks, span_title
from vshop.incidents.verify.trigger_orders import judged_orders, send_trigger
from vshop.incidents.verify.verdict import Check, all_ok
from vshop.shop.client import Placed

AUTO_OFF = "300s"
"""Limit if the verification is killed."""
_SHORT_TIMEOUT_S = 1.0

TakenScope = Scope | Literal["none"]
"""``none`` without a switch."""


class CleanRun(msgspec.Struct, frozen=True):
    """The orders on the clean shop, and the checks of the steady state."""

    incident: Incident
    checks: list[Check]
    observations: list[Observation]

    def fits(self, incident: Incident) -> bool:
        """Return whether another incident has the same trigger and steady state."""
        return (self.incident.trigger, self.incident.steady_state) == (incident.trigger, incident.steady_state)


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


def run_clean(context: Context, steady: ExpectedOutcome) -> CleanRun:
    """Send the trigger; check that no switch is on, the outcome is the steady state, and traces are whole."""
    incident, on = context.incident, context.shop.switched_on()
    checks = [Check(what="switches", ok=not on, expected="nothing is on", seen=", ".join(on) or "nothing is on")]
    if on:
        return CleanRun(incident, checks, [])
    before = read_stocks(steady.stocks, context.shop)
    orders = send_trigger(incident.trigger, context.shop, context.clock)
    checks += answer_checks(steady, judged_orders(incident.trigger, orders))
    observations: list[Observation] = []
    if context.judges_telemetry:
        # Where nobody else orders, the readings of metrics begin with this run.
        observations = context.observe_when_complete(orders, all_whole, metrics=context.alone)
        checks += [_whole_check(observation) for observation in observations]
    else:
        context.wait_processed()
    checks += _outcome_checks(context, steady, before, orders, all_trace_ids(orders, ()), steady.within_ms / 1000)
    return CleanRun(incident, checks, observations)


def check_expect_fails_when_clean(context: Context, observations: list[Observation]) -> Check:
    """Check that the clean shop does not meet ``expect``, which would make the file invalid."""
    judged = observations[-1:] if context.incident.trigger.judge == "last" else observations
    checks = telemetry_checks(context.incident.expect, judged)
    if all_ok(checks):
        checks = _number_checks(context)  # takes another second, so it runs only where spans and logs show no difference
    difference = next((f"{check.what}: {check.seen}" for check in checks if not check.ok), None)
    seen = difference or "it holds already: it says nothing about the incident"
    return Check(what="expect on the clean shop", ok=difference is not None, expected="does not hold", seen=seen)


def read_baseline(context: Context, earlier: Sequence[Observation] = ()) -> Baseline:
    """Read stock and metrics, once the metrics count all earlier events."""
    incident = context.incident
    moves = incident.expect.metrics if context.judges_telemetry else []
    if moves and context.alone:
        context.wait_for_metrics(earlier)
    changes = [*incident.symptom.stocks, *(incident.recovery.stocks if incident.recovery else [])]
    return Baseline(context.clock.now(), read_stocks(changes, context.shop), context.read_metrics(moves))


def run_broken(context: Context, baseline: Baseline, scope: TakenScope) -> BrokenRun:
    """Switch on for everybody or, by baggage, for the trigger; send the trigger and check."""
    incident, expect, symptom = context.incident, context.incident.expect, context.incident.symptom
    checks: list[Check] = []
    if scope == "global":
        answer = context.shop.switch_on(incident.id, duration=AUTO_OFF)
        by = list(answer.get("acknowledgedBy", []))
        evidence, expected = {"acknowledgedBy": by, "ackMs": answer.get("ackMs")}, "acknowledged by every service concerned"
        checks.append(Check(what="switch", ok=True, expected=expected, seen=", ".join(by), evidence=evidence))
    orders = send_trigger(incident.trigger, context.shop, context.clock, incident.id if scope == "request" else None)
    judged = judged_orders(incident.trigger, orders)
    checks += answer_checks(symptom, judged)
    observations: list[Observation] = []
    if context.judges_telemetry:
        observations = context.observe_when_complete(
            orders, lambda observations: all_ok(present_checks(expect, observations)), expect.within_ms / 1000, judged
        )
        checks += telemetry_checks(expect, observations)
    else:
        context.wait_processed()
    trace_ids = all_trace_ids(orders, observations)
    checks += _outcome_checks(context, symptom, baseline.stock, orders, trace_ids, _timeout_s(checks, symptom.within_ms))
    if context.judges_telemetry and expect.metrics:
        context.wait_for_metrics(observations)
        checks += context.poll_checks(
            lambda: metric_checks(expect.metrics, baseline.metrics, context.read_metrics(expect.metrics, baseline.at, trace_ids)),
            _timeout_s(checks, max(move.within_ms for move in expect.metrics)),
        )
    if context.judges_telemetry and (expect.alerts.firing or expect.alerts.not_firing):
        checks += context.poll_checks(
            lambda: alert_checks(expect.alerts.firing, context.read_alerts(baseline.at, observations, trace_ids), fire=True),
            _timeout_s(checks, max((alert.within_ms for alert in expect.alerts.firing), default=0)),
        )
        checks += alert_checks(expect.alerts.silent, context.read_alerts(baseline.at, observations, trace_ids), fire=False)
    return BrokenRun(checks, orders, observations)


def run_recovery(context: Context, baseline: Baseline, run: BrokenRun) -> list[Check]:
    """Replay the trigger's dead letters if the file says so, then poll stock and traces."""
    recovery, shop = context.incident.recovery, context.shop
    if recovery is None:
        return []
    checks: list[Check] = []
    if recovery.replay_dead_letters:
        letters = [letter["id"] for letter in own_dead_letters(run.orders, all_trace_ids(run.orders, ()), shop)]
        replayed = [letter for letter in letters if shop.replay(letter)["replayed"]]
        ok, seen = bool(letters) and replayed == letters, f"{len(replayed)} of {len(letters)} replayed"
        expected = "the trigger's are replayed"
        checks.append(Check(what="dead letters", ok=ok, expected=expected, seen=seen, evidence={"ids": letters}))

    def check() -> list[Check]:
        found = stock_checks(recovery.stocks, baseline.stock, shop)
        if recovery.spans:
            for observation in context.observe([earlier.placed for earlier in run.observations]):
                bound = bind_spans(context.incident.expect, observation)
                found += span_checks(recovery.spans, search_spans(recovery.spans, observation, bound))
        return found

    return checks + context.poll_checks(check, recovery.within_ms / 1000)


def _number_checks(context: Context) -> list[Check]:
    expect = context.incident.expect
    since = context.clock.now()
    if context.alone:
        context.wait_for_metrics()
    before = context.read_metrics(expect.metrics)
    orders = send_trigger(context.incident.trigger, context.shop, context.clock)
    observations = context.observe_when_complete(orders, all_whole)
    trace_ids = all_trace_ids(orders, observations)
    context.wait_for_metrics(observations)
    alerts = context.read_alerts(since, observations, trace_ids)
    return [
        *metric_checks(expect.metrics, before, context.read_metrics(expect.metrics, since, trace_ids)),
        *alert_checks(expect.alerts.firing, alerts, fire=True),
        *alert_checks(expect.alerts.silent, alerts, fire=False),
    ]


def _outcome_checks(
    context: Context, outcome: ExpectedOutcome, before: Stocks, orders: list[Placed], trace_ids: list[str], timeout_s: float
) -> list[Check]:
    return context.poll_checks(
        lambda: [
            *stock_checks(outcome.stocks, before, context.shop),
            *dead_letter_checks(outcome, orders, trace_ids, context.shop),
        ],
        timeout_s,
    )


def _timeout_s(checks: Sequence[Check], within_ms: float) -> float:
    return within_ms / 1000 if all_ok(checks) else min(within_ms / 1000, _SHORT_TIMEOUT_S)


def _whole_check(observation: Observation) -> Check:
    errors = [seen.span for seen in observation.spans if seen.span.status == "ERROR"]
    reasons = [f"{span_title(span)} is an error" for span in errors]
    reasons += [f"missing: {observation.missing}"] if observation.missing else []
    seen, evidence = "; ".join(reasons) or f"{len(observation.spans)} spans", {"traceId": observation.placed.trace_id}
    return Check(what="trace", ok=not reasons, expected="whole, and no span is an error", seen=seen, evidence=evidence)
