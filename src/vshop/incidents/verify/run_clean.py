"""Runs the trigger on the clean shop."""

import msgspec

from vshop.incidents.incident import ExpectedOutcome
from vshop.incidents.verify.alert_match import firing_checks, silent_checks
from vshop.incidents.verify.context import Context, all_trace_ids
from vshop.incidents.verify.expect_match import forbidden_checks, present_checks
from vshop.incidents.verify.metric_match import metric_checks
from vshop.incidents.verify.observation import Observation, all_whole
from vshop.incidents.verify.outcome_match import answer_checks, dead_letter_checks, read_stocks, stock_checks
from vshop.incidents.verify.span_match import span_title
from vshop.incidents.verify.trigger_orders import judged_orders, send_trigger
from vshop.incidents.verify.verdict import Check


class CleanRun(msgspec.Struct, frozen=True):
    """The orders on the clean shop, and the checks of the steady state."""

    checks: list[Check]
    observations: list[Observation]


def run_clean(context: Context, steady: ExpectedOutcome) -> CleanRun:
    """Send the trigger; check that no switch is on, the outcome is the steady state, and traces are whole."""
    on = context.shop.switched_on()
    checks = [Check(what="switches", ok=not on, expected="nothing is on", seen=", ".join(on) or "nothing is on")]
    if on:
        return CleanRun(checks, [])
    before = read_stocks(steady.stocks, context.shop)
    orders = send_trigger(context.incident.trigger, context.shop, context.clock)
    checks += answer_checks(steady, judged_orders(context.incident.trigger, orders))
    observations: list[Observation] = []
    if context.judges_telemetry:
        # Where nobody else orders, the readings of metrics begin with this run.
        observations = context.observe_when_complete(orders, all_whole, metrics=context.alone)
        checks += [_whole_check(observation) for observation in observations]
    else:
        context.wait_processed()
    trace_ids = all_trace_ids(orders, ())
    checks += context.poll_checks(
        lambda: [*stock_checks(steady.stocks, before, context.shop), *dead_letter_checks(steady, orders, trace_ids, context.shop)],
        steady.within_ms / 1000,
    )
    return CleanRun(checks, observations)


def check_expect_fails_when_clean(context: Context, observations: list[Observation]) -> Check:
    """Check that the clean shop does not meet ``expect``, which would make the file invalid."""
    expect = context.incident.expect
    judged = observations[-1:] if context.incident.trigger.judge == "last" else observations
    checks = [*present_checks(expect, judged), *forbidden_checks(expect, judged)]
    if all(check.ok for check in checks):
        checks = _number_checks(context)  # takes another second, so it runs only where spans and logs show no difference
    difference = next((check for check in checks if not check.ok), None)
    return Check(
        what="expect on the clean shop",
        ok=difference is not None,
        expected="does not hold",
        seen="it holds already: it says nothing about the incident"
        if difference is None
        else f"{difference.what}: {difference.seen}",
    )


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
        *firing_checks(expect.alerts.firing, alerts),
        *silent_checks(expect.alerts, alerts),
    ]


def _whole_check(observation: Observation) -> Check:
    errors = [seen.span for seen in observation.spans if seen.span.status == "ERROR"]
    reasons = [f"{span_title(span)} is an error" for span in errors]
    reasons += [f"missing: {observation.missing}"] if observation.missing else []
    return Check(
        what="trace",
        ok=not reasons,
        expected="whole, and no span is an error",
        seen="; ".join(reasons) or f"{len(observation.spans)} spans",
        evidence={"traceId": observation.placed.trace_id},
    )
