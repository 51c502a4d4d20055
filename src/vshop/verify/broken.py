"""The shop with the incident: the trigger, and everything that must then be seen."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from vshop.client import Placed
from vshop.verify.alert_match import firing_checks, silent_checks
from vshop.verify.expected import missing_checks, present_checks
from vshop.verify.metric_moves import metric_checks
from vshop.verify.metric_reading import Reading, read, settle
from vshop.verify.outcome_match import Stocks, answer_checks, letter_checks, stock_before, stock_checks
from vshop.verify.scene import Scene
from vshop.verify.sending import judged, send
from vshop.verify.stage import Stage
from vshop.verify.verdict import Check

_COUNTED_AFTER_S = 0.1
"""What a service counts about a request, it has counted this long after the request's span ended."""

_IMPATIENT_S = 1.0

SwitchOn = Callable[[], dict[str, Any] | None]


class Before(msgspec.Struct, frozen=True):
    """The state just before the incident: what everything that moves is compared with."""

    at: float
    stock: Stocks
    metrics: list[Reading]


class Broken(msgspec.Struct, frozen=True):
    """What was seen while the incident was on."""

    checks: list[Check]
    orders: list[Placed]
    scenes: list[Scene]
    """Of the orders that are judged."""


def before(stage: Stage, earlier: Sequence[Scene] = ()) -> Before:
    """Read the state before the incident, once everything that happened earlier is counted in it.

    Args:
        stage: the incident and its shop.
        earlier: what happened last, if that is known.
    """
    incident = stage.incident
    if incident.expect.metrics:
        settle(stage.shop, stage.pace, _end(earlier, stage))
    changes = [*incident.symptom.stocks, *(incident.recovery.stocks if incident.recovery else [])]
    return Before(stage.pace.now(), stock_before(changes, stage.shop), read(stage.shop, incident.expect.metrics))


def broken(stage: Stage, start: Before, switch_on: SwitchOn, baggage: str | None) -> Broken:
    """Switch the incident on, send the trigger, and look at everything that the file speaks of.

    Args:
        stage: the incident and its shop.
        start: the state before.
        switch_on: switches it on for everybody, and returns what the board said; or does nothing and returns None.
        baggage: the id to send along, where it is on for these requests alone.
    """
    incident = stage.incident
    said = switch_on()
    checks = [] if said is None else [_acknowledged(said)]
    orders = send(incident.trigger, stage.shop, stage.pace, baggage)
    kept = judged(incident.trigger, orders)
    checks += answer_checks(incident.symptom, kept)
    expect = incident.expect
    stage.pace.until_ok(lambda: present_checks(expect, stage.look(kept)), expect.within_ms / 1000)
    scenes = stage.look_when_quiet(kept)
    checks += [*present_checks(expect, scenes), *missing_checks(expect, scenes)]
    trace_ids = [placed.trace_id for placed in orders]
    checks += stage.pace.until_ok(
        lambda: [
            *stock_checks(incident.symptom.stocks, start.stock, stage.shop),
            *letter_checks(incident.symptom, trace_ids, stage.shop),
        ],
        _patience(checks, incident.symptom.within_ms),
    )
    checks += _metrics(stage, start, _end(scenes, stage), checks)
    return Broken([*checks, *_alerts(stage, start.at, checks)], orders, scenes)


def _patience(checks: Sequence[Check], within_ms: float) -> float:
    """Return how many seconds to wait: as the file says, but not long for the rest of what has failed already."""
    return within_ms / 1000 if all(check.ok for check in checks) else min(within_ms / 1000, _IMPATIENT_S)


def _end(scenes: Sequence[Scene], stage: Stage) -> float:
    """Return the moment by which everything in quiet scenes was counted, by the services' clock; now, where there are none."""
    ends = [seen.span.end_ns / 1e9 for scene in scenes for seen in scene.spans]
    return max(ends) + _COUNTED_AFTER_S if ends else stage.pace.now()


def _acknowledged(said: dict[str, Any]) -> Check:
    by: Sequence[str] = said.get("acknowledgedBy", [])
    evidence = {"acknowledgedBy": list(by), "ackMs": said.get("ackMs")}
    return Check(what="switch", ok=True, expected="acknowledged by every service concerned", seen=", ".join(by), evidence=evidence)


def _metrics(stage: Stage, start: Before, end: float, earlier: Sequence[Check]) -> list[Check]:
    moves = stage.incident.expect.metrics
    if not moves:
        return []
    settle(stage.shop, stage.pace, end)
    within_s = _patience(earlier, max(move.within_ms for move in moves))
    return stage.pace.until_ok(lambda: metric_checks(moves, start.metrics, read(stage.shop, moves, start.at)), within_s)


def _alerts(stage: Stage, since: float, earlier: Sequence[Check]) -> list[Check]:
    expected = stage.incident.expect.alerts
    if not expected.firing and not expected.silent:
        return []
    within_s = _patience(earlier, max((alert.within_ms for alert in expected.firing), default=0))
    firing = stage.pace.until_ok(lambda: firing_checks(expected.firing, stage.shop.alerts(since)), within_s)
    return [*firing, *silent_checks(expected, stage.shop.alerts(since))]
