"""The shop without the incident: before it is switched on, and after it is off again."""

from vshop.incidents.incident import Outcome
from vshop.verify.alert_match import firing_checks, silent_checks
from vshop.verify.expected import missing_checks, present_checks
from vshop.verify.metric_moves import metric_checks
from vshop.verify.metric_reading import read, settle
from vshop.verify.outcome_match import answer_checks, letter_checks, stock_before, stock_checks
from vshop.verify.scene import Scene
from vshop.verify.sending import judged, send
from vshop.verify.span_match import named
from vshop.verify.stage import Stage
from vshop.verify.verdict import Check


def clean(stage: Stage, steady: Outcome) -> tuple[list[Check], list[Scene]]:
    """Send the trigger to the clean shop.

    Returns:
        Whether nothing is on and what comes of the trigger is the steady state, with whole traces free of errors; and the scenes.
    """
    on = stage.shop.switched_on()
    checks = [Check(what="switches", ok=not on, expected="nothing is on", seen=", ".join(on) or "nothing is on")]
    if on:
        return checks, []
    before = stock_before(steady.stocks, stage.shop)
    orders = send(stage.incident.trigger, stage.shop, stage.pace)
    checks += answer_checks(steady, judged(stage.incident.trigger, orders))
    scenes = stage.look_when_quiet(orders)
    checks += [_whole(scene) for scene in scenes]
    trace_ids = [placed.trace_id for placed in orders]
    checks += stage.pace.until_ok(
        lambda: [*stock_checks(steady.stocks, before, stage.shop), *letter_checks(steady, trace_ids, stage.shop)],
        steady.within_ms / 1000,
    )
    return checks, scenes


def expects_nothing(stage: Stage, scenes: list[Scene]) -> Check:
    """Report whether ``expect`` is met by the clean shop: then it tells nothing, and the incident's file is invalid.

    Args:
        stage: the incident and its shop.
        scenes: what was seen of the trigger on the clean shop.
    """
    kept = scenes[-1:] if stage.incident.trigger.judge == "last" else scenes
    looked_at = [*present_checks(stage.incident.expect, kept), *missing_checks(stage.incident.expect, kept)]
    if all(check.ok for check in looked_at):
        looked_at = _numbers(stage)  # they take another second, and are only asked where all the rest is the same
    difference = next((check for check in looked_at if not check.ok), None)
    return Check(
        what="expect on the clean shop",
        ok=difference is not None,
        expected="does not hold",
        seen="it holds already: it says nothing about the incident"
        if difference is None
        else f"{difference.what}: {difference.seen}",
    )


def _numbers(stage: Stage) -> list[Check]:
    expect, shop, pace = stage.incident.expect, stage.shop, stage.pace
    since = pace.now()
    settle(shop, pace, since)
    before = read(shop, expect.metrics)
    stage.look_when_quiet(send(stage.incident.trigger, shop, pace))
    settle(shop, pace, pace.now())
    alerts = shop.alerts(since)
    return [
        *metric_checks(expect.metrics, before, read(shop, expect.metrics, since)),
        *firing_checks(expect.alerts.firing, alerts),
        *silent_checks(expect.alerts, alerts),
    ]


def _whole(scene: Scene) -> Check:
    red = [seen.span for seen in scene.spans if seen.span.status == "ERROR"]
    reasons = [f"{named(span)} is an error" for span in red] + ([f"missing: {scene.missing}"] if scene.missing else [])
    return Check(
        what="trace",
        ok=not reasons,
        expected="whole, and no span is an error",
        seen="; ".join(reasons) or f"{len(scene.spans)} spans",
        evidence={"traceId": scene.placed.trace_id},
    )
