"""Business figures: totals of counters, and increases in the last minute."""

from collections.abc import Callable, Mapping, Sequence
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


def _sum_up(several: Sequence[Series], since: float) -> Count:
    held = [series for series in several if series["points"]]
    total = sum(float(series["points"][-1]["value"]) for series in held)
    return Count(total, total - sum(_value_at(series, since) for series in held))


def _value_at(series: Series, since: float) -> float:
    before = [point for point in series["points"] if point["time"] <= since]
    if before:
        return float(before[-1]["value"])
    first = series["points"][0]
    return 0.0 if rose_from_zero(first, since) else float(first["value"])


def rose_from_zero(first: Mapping[str, Any], since: float) -> bool:
    """Return whether a series' first point counts everything since it began, and began after ``since`` (microseconds).

    The first point after a reset starts at its own time, for what came before is unknown:
    https://opentelemetry.io/docs/specs/otel/metrics/data-model/#cumulative-streams-handling-unknown-start-time
    """
    return bool(since <= first["startTime"] < first["time"])
