"""What the services' counters say of the business: totals, and what came in the last minute."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

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

Series = Mapping[str, Any]
Ask = Callable[[str], Sequence[Series]]


class Count(NamedTuple):
    """A counter: since the services began, and within the window."""

    total: float
    lately: float


def counts(ask: Ask, now: float) -> dict[str, Count]:
    """Return every counter, and the errors by exception type as ``error <type>``.

    Args:
        ask: returns the series of a metric.
        now: seconds since the epoch.
    """
    since = (now - WINDOW_S) * 1e6
    found = {name: _added(ask(metric), since) for name, metric in COUNTERS.items()}
    kinds: dict[str, list[Series]] = {}
    for series in ask(ERRORS):
        kinds.setdefault(str(series["attributes"].get("exception.type", "unknown")), []).append(series)
    return found | {f"error {kind}": _added(several, since) for kind, several in sorted(kinds.items())}


def lag(ask: Ask) -> float:
    """Return how many orders wait on the topic.

    Args:
        ask: returns the series of a metric.
    """
    points = [series["points"][-1] for series in ask(LAG) if series["points"]]
    newest = max((point["time"] for point in points), default=0)
    return sum(float(point["value"]) for point in points if point["time"] > newest - 3e6)  # others have gone to another consumer


def _added(several: Sequence[Series], since: float) -> Count:
    held = [series for series in several if series["points"]]
    total = sum(float(series["points"][-1]["value"]) for series in held)
    return Count(total, total - sum(_at(series, since) for series in held))


def _at(series: Series, since: float) -> float:
    before = [point for point in series["points"] if point["time"] <= since]
    if before:
        return float(before[-1]["value"])
    first = series["points"][0]
    return 0.0 if first["startTime"] >= since else float(first["value"])
