"""Reads metrics at moments that mean something: once every service has exported what it counted before.

Services export once a second. What a service counted before its latest export is in that export's point, so a reading is
settled for a moment when each service has a point that is later.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vshop.incidents.expectation import MetricMove
from vshop.verify.pace import Pace
from vshop.verify.ports import Shop
from vshop.verify.values import mismatches

HEARTBEAT = "http.server.active_requests"
"""A metric that every service exports each time, as each answers health probes."""
SILENT_S = 5.0
"""A service that has not exported for this long is not waited for: it is down, or not one of ours."""
SETTLE_WITHIN_S = 4.0
_STALE_US = 3_000_000


class Reading(msgspec.Struct, frozen=True):
    """One metric at one moment: its matching series added up, and the most they came to since another moment."""

    value: float
    peak: float


def settle(shop: Shop, pace: Pace, moment: float) -> bool:
    """Wait until every service has exported what it counted before a moment.

    Args:
        shop: the shop.
        pace: the clock.
        moment: seconds since the epoch.

    Returns:
        Whether all of them did, within a few seconds.
    """

    def settled() -> bool:
        latest: dict[str, float] = {}
        for series in shop.metrics(HEARTBEAT):
            if series["points"]:
                at = series["points"][-1]["time"] / 1e6
                latest[series["service"]] = max(at, latest.get(series["service"], 0))
        return all(at > moment for at in latest.values() if at > moment - SILENT_S)

    return pace.until(settled, SETTLE_WITHIN_S)


def read(shop: Shop, moves: Sequence[MetricMove], since: float = 0.0) -> list[Reading]:
    """Read every metric that a file speaks of.

    Args:
        shop: the shop.
        moves: the metrics.
        since: from when on the peak counts, in seconds since the epoch.
    """
    series = {name: shop.metrics(name) for name in {move.name for move in moves}}
    return [_reading(move, series[move.name], since) for move in moves]


def _reading(move: MetricMove, series: Sequence[Mapping[str, Any]], since: float) -> Reading:
    matching = [one for one in series if one["points"] and _matches(move, one)]
    newest = max((one["points"][-1]["time"] for one in matching), default=0)
    value = peak = 0.0
    for one in matching:
        points = one["points"]
        stale = one["type"] == "gauge" and points[-1]["time"] < newest - _STALE_US  # of a partition that went elsewhere, say
        value += 0.0 if stale else _number(points[-1])
        peak += max((_number(point) for point in points if point["time"] / 1e6 >= since), default=0.0)
    return Reading(value, peak)


def _matches(move: MetricMove, series: Mapping[str, Any]) -> bool:
    return move.service in {None, series["service"]} and not mismatches(move.attributes, series["attributes"])


def _number(point: Mapping[str, Any]) -> float:
    value = point.get("value", point.get("count"))
    return float(value) if value is not None else 0.0
