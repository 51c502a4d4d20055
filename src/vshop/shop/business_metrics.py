"""Business figures: totals of counters, and increases in the last minute."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

from vshop.kit.telemetry import SHOP_SERVICES

COUNTERS = {
    "orders accepted": "shop.orders.placed",
    "orders handled": "shop.orders.handled",
    "orders refused": "shop.orders.rejected",
    "dead letters": "shop.orders.dead_lettered",
    "items ordered": "shop.items.ordered",
}
ERRORS = "shop.errors"
LAG = "shop.consumer.lag"
WINDOW_S = 60
STALE_S = 10
"""A gauge is unknown so long after its last point. Services export every second."""

Series = Mapping[str, Any]
ReadSeries = Callable[[str], Sequence[Series]]


class Count(NamedTuple):
    """A counter's total since the services started, and its recent increase."""

    total: float
    recent: float


def counts(read_series: ReadSeries, now: float) -> dict[str, Count]:
    """Return every counter, and the errors by exception type as ``error <type>``; ``now`` in seconds since the epoch."""
    since = (now - WINDOW_S) * 1e6
    found = {name: _sum_up(of_shop(read_series(metric)), since) for name, metric in COUNTERS.items()}
    kinds: dict[str, list[Series]] = {}
    for series in of_shop(read_series(ERRORS)):
        kinds.setdefault(str(series["attributes"].get("exception.type", "unknown")), []).append(series)
    return found | {f"error {kind}": _sum_up(several, since) for kind, several in sorted(kinds.items())}


def lag(read_series: ReadSeries, now: float) -> float | None:
    """Return how many unprocessed orders are on the topic, or None if that is stale; ``now`` in seconds since the epoch."""
    points = [series["points"][-1] for series in of_shop(read_series(LAG)) if series["points"]]
    newest = max((point["time"] for point in points), default=0)
    if newest < (now - STALE_S) * 1e6:
        return None
    return sum(float(point["value"]) for point in points if point["time"] > newest - 3e6)


def of_shop(several: Sequence[Series]) -> list[Series]:
    """Return the series of the shop's own services."""
    return [series for series in several if series["service"] in SHOP_SERVICES]


def latest_point(series: Series, at: float) -> Mapping[str, Any] | None:
    """Return the last point at or before a time, in microseconds since the epoch."""
    place = bisect_right(series["points"], at, key=lambda point: point["time"])
    return series["points"][place - 1] if place else None


def value_at(series: Series, at: float) -> float:
    """Return a counter's value at a time, in microseconds since the epoch.

    Before its first point, that is 0 if the point counts everything since the counter began, later than that; else the point's
    value. The first point after a reset starts at its own time, for what came before is unknown:
    https://opentelemetry.io/docs/specs/otel/metrics/data-model/#cumulative-streams-handling-unknown-start-time
    """
    unknown_start = (first for first in series["points"][:1] if not at <= first["startTime"] < first["time"])
    point = latest_point(series, at) or next(unknown_start, None)
    return float(point["value"]) if point else 0.0


def _sum_up(several: Sequence[Series], since: float) -> Count:
    total = sum(value_at(series, inf) for series in several)
    return Count(total, total - sum(value_at(series, since) for series in several))
