"""The figures of the business, from the services' own metrics: totals, and how they move."""

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

Series = Mapping[str, Any]
STEP_S = 2
STEPS = 120
_COUNTERS = {
    "accepted": "shop.orders.placed",
    "handled": "shop.orders.handled",
    "rejected": "shop.orders.rejected",
    "deadLettered": "shop.orders.dead_lettered",
    "items": "shop.items.ordered",
    "errors": "shop.errors",
}


def insights(ask: Callable[[str], Sequence[Series]], now: float | None = None) -> dict[str, Any]:
    """Put the figures together.

    Args:
        ask: returns the series of a metric.
        now: seconds since the epoch.

    Returns:
        ``totals`` since the services began; ``times`` in seconds since the epoch, ``STEP_S`` apart; for each of them what was
            ``accepted`` and ``handled`` until then (from 0 at the first), the ``lag``, and the ``errors`` within each step by
            exception.type.
    """
    end = int((time.time() if now is None else now) // STEP_S) * STEP_S
    times = [end - STEP_S * (STEPS - 1 - step) for step in range(STEPS)]
    found = {name: ask(metric) for name, metric in _COUNTERS.items()}
    errors: dict[str, list[float]] = defaultdict(lambda: [0.0] * STEPS)
    for series in found["errors"]:
        kind = str(series["attributes"].get("exception.type") or series["attributes"].get("error.type") or "unknown")
        errors[kind] = [a + b for a, b in zip(errors[kind], _steps(_read_off(series, times)), strict=True)]
    return {
        "stepS": STEP_S,
        "times": times,
        "totals": {name: sum(_latest(series) for series in several) for name, several in found.items()},
        "accepted": _since_first(found["accepted"], times),
        "handled": _since_first(found["handled"], times),
        "lag": _sum([_read_off(series, times) for series in ask("shop.consumer.lag")]),
        "errors": errors,
    }


def _latest(series: Series) -> float:
    return float(series["points"][-1]["value"]) if series["points"] else 0.0


def _read_off(series: Series, times: Sequence[int]) -> list[float]:
    """Return a series' value at each time; a counter was 0 before it began, whatever else held its first value."""
    points = series["points"]
    stamps = [point["time"] / 1e6 for point in points]
    values = []
    for moment in times:
        place = bisect_right(stamps, moment)
        if place:
            values.append(float(points[place - 1]["value"]))
        else:
            began = series["type"] == "sum" and points and points[0]["startTime"] / 1e6 >= moment
            values.append(0.0 if began or not points else float(points[0]["value"]))
    return values


def _since_first(several: Iterable[Series], times: Sequence[int]) -> list[float]:
    total = _sum([_read_off(series, times) for series in several])
    return [value - total[0] for value in total]


def _steps(values: Sequence[float]) -> list[float]:
    return [0.0, *(max(0.0, after - before) for before, after in pairwise(values))]


def _sum(lists: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) for column in zip(*lists, strict=True)] if lists else [0.0] * STEPS
