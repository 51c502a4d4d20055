"""Turns series of metric points into one table: a row a second, a column for each service and metric, as RCAEval reads it."""

from collections.abc import Iterable, Mapping
from typing import Any

Cells = dict[int, float]


def metric_table(series: Iterable[Mapping[str, Any]], begin: int, end: int) -> tuple[list[str], list[list[float]]]:
    """Make the table; column names are ``time`` and ``<service>_<metric>``, without another underscore.

    Counters and histograms are cumulative on the wire: here is by how much they rose in each second, and of a histogram also the
    mean of what was measured in it (``-mean``). Series of the same service and metric are added up.

    Args:
        series: what the observatory holds (``GET /api/metrics``); times in microseconds.
        begin: first second, since the epoch.
        end: last second.

    Returns:
        The names of the columns, and the rows.
    """
    columns: dict[str, Cells] = {}
    sums: dict[str, Cells] = {}
    for one in series:
        name = f"{one['service']}_{str(one['name']).replace('_', '-')}"
        if one["type"] == "gauge":
            _add(columns.setdefault(name, {}), _held(one["points"], "value", begin, end))
        else:
            measure = "count" if one["type"] == "histogram" else "value"
            _add(columns.setdefault(name, {}), _risen(one["points"], measure, begin, end))
        if one["type"] == "histogram":
            _add(sums.setdefault(name, {}), _risen(one["points"], "sum", begin, end))
    for name, total in sums.items():
        counts = columns[name]
        columns[f"{name}-mean"] = {second: total[second] / counts[second] if counts[second] else 0.0 for second in total}
    names = sorted(columns)
    rows = [[float(second), *(columns[name].get(second, 0.0) for name in names)] for second in range(begin, end + 1)]
    return ["time", *names], rows


def _add(column: Cells, more: Cells) -> None:
    for second, value in more.items():
        column[second] = column.get(second, 0.0) + value


def _held(points: Iterable[Mapping[str, Any]], measure: str, begin: int, end: int) -> Cells:
    """Return a series' value in each second: the last one there was."""
    values = sorted((int(point["time"] // 1_000_000), float(point.get(measure) or 0)) for point in points)
    cells: Cells = {}
    last, index = 0.0, 0
    for second in range(begin, end + 1):
        while index < len(values) and values[index][0] <= second:
            last = values[index][1]
            index += 1
        cells[second] = last
    return cells


def _risen(points: Iterable[Mapping[str, Any]], measure: str, begin: int, end: int) -> Cells:
    held = _held(points, measure, begin - 1, end)
    return {second: max(0.0, held[second] - held[second - 1]) for second in range(begin, end + 1)}
