"""Reads metrics after an export, and compares how they moved.

Where nobody else orders, a move is the difference of two totals; else, the sum of the measurements in the trigger's own traces,
which exemplars name. https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exemplars
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from vshop.incidents.patterns import By, MetricMove
from vshop.incidents.verify.value_match import mismatches
from vshop.incidents.verify.verdict import Check
from vshop.incidents.wording import direction, members
from vshop.kit.telemetry import SHOP_SERVICES
from vshop.kit.times import Clock
from vshop.shop.client import ShopClient

HEARTBEAT = "http.server.active_requests"
"""In every export of every service, because each answers health probes."""
SILENT_S = 5.0
"""A service that has not exported for so long is ignored."""
EXPORT_TIMEOUT_S = 4.0
_STALE_US = 3_000_000


class Reading(msgspec.Struct, frozen=True):
    """One metric at one time: the sum of its series, the highest sum, and measurements without an exemplar."""

    value: float
    peak: float
    untraced: float = 0.0


def wait_for_export(shop: ShopClient, clock: Clock, moments: float | Mapping[str, float]) -> bool:
    """Wait until services have exported after a moment (s since the epoch), one for all or by service; return whether they did."""

    def all_exported() -> bool:
        latest: dict[str, float] = {}
        for series in shop.metrics(HEARTBEAT, points=1):
            if series["points"] and series["service"] in SHOP_SERVICES:
                at = series["points"][-1]["time"] / 1e6
                latest[series["service"]] = max(at, latest.get(series["service"], 0))
        if isinstance(moments, Mapping):
            return all(latest.get(service, 0) > moment for service, moment in moments.items())
        return all(at > moments for at in latest.values() if at > moments - SILENT_S)

    return clock.poll(all_exported, EXPORT_TIMEOUT_S)


def read_metrics(shop: ShopClient, moves: Sequence[MetricMove], since: float = 0.0) -> list[Reading]:
    """Read totals, and their peaks since a time."""
    return [_total(series, since) for series in _read_series(shop, moves, points=None if since else 1)]


def read_metrics_of_traces(
    shop: ShopClient, moves: Sequence[MetricMove], since: float, trace_ids: Collection[str]
) -> list[Reading]:
    """Read the measurements of some traces, which began after a time."""
    return [_measured(series, since, trace_ids) for series in _read_series(shop, moves)]


def metric_checks(moves: Sequence[MetricMove], before: Sequence[Reading], after: Sequence[Reading]) -> list[Check]:
    """Check each metric's move between two readings."""
    return [_check(move, old, new) for move, old, new in zip(moves, before, after, strict=True)]


def _check(move: MetricMove, before: Reading, after: Reading) -> Check:
    moved = after.value - before.value
    match move.moves:
        case By(by=None, at_least=least):
            ok = moved >= (least or 0)
        case By(by=by):
            ok = moved == by
        case "up":
            ok = moved > 0
        case _:
            ok = moved == 0 and (move.moves == "none" or after.peak > before.value)
    seen = f"by {moved:g}, from {before.value:g} to {after.value:g}"
    seen += f", at most {after.peak:g}" if move.moves == "upAndBack" else ""
    if after.untraced:
        ok = False
        seen += f"; {after.untraced:g} measurements name no trace, so they cannot be distinguished from other orders'"
    expected = " ".join([move.name, *members(move.attributes), "moves", direction(move)])
    evidence = {"before": before.value, "after": after.value, "peak": after.peak}
    return Check(what="metric", ok=ok, expected=expected, seen=seen, evidence=evidence)


def _read_series(shop: ShopClient, moves: Sequence[MetricMove], points: int | None = None) -> list[list[Mapping[str, Any]]]:
    read = {name: shop.metrics(name, points=points) for name in {move.name for move in moves}}
    return [
        [
            one
            for one in read[move.name]
            if one["points"]
            and one["service"] in SHOP_SERVICES
            and move.service in {None, one["service"]}
            and not mismatches(move.attributes, one["attributes"])
        ]
        for move in moves
    ]


def _total(matching: Sequence[Mapping[str, Any]], since: float) -> Reading:
    newest = max((one["points"][-1]["time"] for one in matching), default=0)
    value = peak = 0.0
    for one in matching:
        points = one["points"]
        # For example the lag of a partition that moved to another consumer.
        stale = one["type"] == "gauge" and points[-1]["time"] < newest - _STALE_US
        value += 0.0 if stale else _number(points[-1])
        peak += max((_number(point) for point in points if point["time"] / 1e6 >= since), default=0.0)
    return Reading(value, peak)


def _measured(matching: Sequence[Mapping[str, Any]], since: float, trace_ids: Collection[str]) -> Reading:
    value = untraced = 0.0
    for one in matching:
        before = 0.0
        for point in one["points"]:
            now = _number(point)
            if point["time"] / 1e6 >= since:
                measured = [
                    (exemplar["traceId"], 1.0 if "count" in point else float(exemplar["value"]))
                    for exemplar in point.get("exemplars", ())
                ]
                value += sum(number for trace_id, number in measured if trace_id in trace_ids)
                untraced += now - before - sum(number for _, number in measured)
            before = now
    return Reading(value, value, untraced)


def _number(point: Mapping[str, Any]) -> float:
    value = point.get("value", point.get("count"))
    return float(value) if value is not None else 0.0
