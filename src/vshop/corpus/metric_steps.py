"""What metrics say of one case: where each series stood before it, and where it stood in the end."""

from collections.abc import Iterable

import msgspec

from vshop.corpus.otlp import Json, Row, nanoseconds, points

Key = tuple[bytes, bytes, str, bytes]
"""Resource, scope, metric and attributes of a series."""

KEPT = ("shop.", "http.", "messaging.")
"""Metrics about orders; the SDK's own tell how often it was waited, which is nobody's case."""


class Series(msgspec.Struct, frozen=True):
    """The latest point of a series, and the metric it belongs to."""

    row: Row
    kind: str
    point: Json


class Standing:
    """The latest point of every series."""

    def __init__(self) -> None:
        self._latest: dict[Key, Series] = {}

    def take(self, rows: Iterable[Row]) -> None:
        """Take points in; of each series the latest stays."""
        for row in rows:
            if not row.item["name"].startswith(KEPT):
                continue
            kind, found = points(row.item)
            for point in found:
                key = _key(row, point)
                held = self._latest.get(key)
                if held is None or nanoseconds(point) >= nanoseconds(held.point):
                    self._latest[key] = Series(row, kind, point)

    def snapshot(self) -> dict[Key, Series]:
        """Return where everything stands now."""
        return dict(self._latest)


def steps(before: dict[Key, Series], after: dict[Key, Series]) -> list[Row]:
    """Return the series that moved, each as a metric of two points: before, and in the end.

    Args:
        before: where they stood; a series that is not there stood at nothing.
        after: where they stand.
    """
    moved: list[Row] = []
    for key, series in after.items():
        old = before.get(key)
        if old is not None and number(old.point) == number(series.point):
            continue
        first = old.point if old is not None else _nothing(series)
        metric = {name: value for name, value in series.row.item.items() if name != series.kind}
        metric[series.kind] = series.row.item[series.kind] | {"dataPoints": [first, series.point]}
        moved.append(Row(series.row.resource, series.row.scope, series.row.schema_url, metric))
    return moved


def number(point: Json) -> float:
    """Return a point's value; a histogram's count."""
    for name in ("asInt", "asDouble", "count"):
        if name in point:
            return float(point[name])
    return 0.0


def _key(row: Row, point: Json) -> Key:
    encode = msgspec.json.encode
    return (encode(row.resource), encode(row.scope), row.item["name"], encode(point.get("attributes", [])))


def _nothing(series: Series) -> Json:
    """Make the point that a series would have had before its first one."""
    start = str(nanoseconds(series.point, "startTimeUnixNano") or nanoseconds(series.point) - 1_000_000_000)
    zero: Json = {"startTimeUnixNano": start, "timeUnixNano": start}
    if "attributes" in series.point:
        zero["attributes"] = series.point["attributes"]
    if series.kind != "histogram":
        return zero | ({"asInt": "0"} if "asInt" in series.point else {"asDouble": 0.0})
    bounds = series.point.get("explicitBounds", [])
    return zero | {"count": "0", "sum": 0.0, "bucketCounts": ["0"] * (len(bounds) + 1), "explicitBounds": bounds}
