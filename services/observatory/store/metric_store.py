"""Stores metric points by series. Deltas of sums and histograms are added up."""

import itertools
import operator
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from typing import Any

import msgspec
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    DataPointFlags,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)

from observatory.store.origins import BoundedStore, Scope
from observatory.store.otlp import decode

Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint

POINT_TYPES: dict[str, type[Point]] = {
    "gauge": NumberDataPoint,
    "sum": NumberDataPoint,
    "histogram": HistogramDataPoint,
    "exponential_histogram": ExponentialHistogramDataPoint,
    "summary": SummaryDataPoint,
}
"""By the field's name in OTLP's ``Metric``."""

_TEMPORALITIES = {1: "delta", 2: "cumulative"}

_MAX_WINDOWS = 64


class SeriesKey(msgspec.Struct, frozen=True):
    """Identifies a series. The attributes are serialized and sorted."""

    scope: Scope
    name: str
    unit: str
    kind: str
    temporality: str
    monotonic: bool
    attributes: tuple[bytes, ...]

    @property
    def is_summed(self) -> bool:
        """Deltas of exponential histograms are stored as they are sent."""
        return self.temporality == "delta" and self.kind in {"sum", "histogram"}


class Series:
    """One series as OTLP bytes, the oldest point first."""

    __slots__ = ("_windows", "description", "key", "points", "size_bytes")

    def __init__(self, key: SeriesKey, max_points: int) -> None:
        self.key = key
        self.description = ""
        self.points: deque[bytes] = deque(maxlen=max_points)
        self.size_bytes = len(key.name) + len(key.unit) + sum(map(len, key.attributes))
        self._windows: list[tuple[int, int]] = []

    @property
    def temporality(self) -> str:
        """Of the stored points; empty for gauges and summaries."""
        return "cumulative" if self.key.is_summed else self.key.temporality

    def append(self, point: Any) -> int:
        """Append a point, or the sum of a delta and all before; return how many points were dropped.

        Time without a delta counts as zero, because SDKs send nothing if nothing was measured. A late delta is added to the latest
        point. A delta that overlaps another is dropped: it was sent twice, or two processes send one series.
        https://opentelemetry.io/docs/specs/otel/metrics/data-model/#sums-delta-to-cumulative
        """
        if not self.key.is_summed:
            return self._store(point)
        window = self._window(point)
        if point.flags & DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK or not self._take(window):
            return 1
        summed = type(point)()  # a copy, because the point is forwarded as it is
        summed.CopyFrom(point)
        summed.start_time_unix_nano = window[0]
        if self.points:
            total = decode(POINT_TYPES[self.key.kind], self.points[-1])
            if not _add(summed, total):
                self._windows = [window]
            elif point.time_unix_nano < total.time_unix_nano:
                self.size_bytes -= len(self.points.pop())
        return self._store(summed)

    def describe(self, text: str) -> None:
        """Replace the description."""
        self.size_bytes += len(text) - len(self.description)
        self.description = text

    def keep_latest(self) -> int:
        """Drop all points except the latest, whose value counts as reached at an unknown time: it is no increase.

        Returns how many. https://opentelemetry.io/docs/specs/otel/metrics/data-model/#cumulative-streams-handling-unknown-start-time
        """
        if not self.points:  # only deltas without a value came
            return 0
        latest, dropped = decode(POINT_TYPES[self.key.kind], self.points[-1]), len(self.points) - 1
        if self.temporality == "cumulative":
            latest.start_time_unix_nano = latest.time_unix_nano
        self.size_bytes -= sum(map(len, self.points))
        self.points.clear()
        self._store(latest)
        return dropped

    def _store(self, point: Any) -> int:
        raw = point.SerializeToString()
        dropped = self.points[0] if len(self.points) == self.points.maxlen else None
        self.points.append(raw)
        self.size_bytes += len(raw) - len(dropped or b"")
        return 0 if dropped is None else 1

    def _window(self, point: Any) -> tuple[int, int]:
        end = point.time_unix_nano
        begin = point.start_time_unix_nano or (self._windows[-1][1] if self._windows else end)
        return min(begin, end), end

    def _take(self, window: tuple[int, int]) -> bool:
        begin, end = window
        for first, last in self._windows:
            if max(begin, first) < min(end, last) or end == last or (begin == end and first <= end <= last):
                return False
        merged: list[tuple[int, int]] = []
        for one in sorted([*self._windows, window]):
            if merged and one[0] == merged[-1][1]:
                merged[-1] = (merged[-1][0], one[1])
            else:
                merged.append(one)
        if len(merged) > _MAX_WINDOWS:
            merged[:2] = [(merged[0][0], merged[1][1])]
        self._windows = merged
        return True


class MetricStore(BoundedStore):
    """It refuses no point."""

    signal = "metrics"

    def __init__(self, max_series: int = 2_000, max_points: int = 300, max_bytes: int = 128_000_000) -> None:
        """Build an empty store.

        Above ``max_points``, a series' oldest point is dropped; above ``max_series`` or ``max_bytes`` of OTLP, the least recently
        updated series.
        """
        super().__init__(max_series, max_bytes)
        self.max_points = max_points
        self._series: OrderedDict[SeriesKey, Series] = OrderedDict()
        self._dropped_series = 0

    def _drop_oldest(self) -> None:
        key, series = self._series.popitem(last=False)
        self._count(key.scope, -1, series.size_bytes)
        self._dropped += len(series.points)
        self._dropped_series += 1

    def _add_item(self, metric: Metric, scope: Scope) -> None:
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        data = getattr(metric, kind)
        temporality = _TEMPORALITIES.get(getattr(data, "aggregation_temporality", 0), "")
        monotonic = getattr(data, "is_monotonic", False)
        for point in data.data_points:
            attributes = tuple(sorted(item.SerializeToString() for item in point.attributes))
            key = SeriesKey(scope, metric.name, metric.unit, kind, temporality, monotonic, attributes)
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = Series(key, self.max_points)
                self._count(scope, 1, series.size_bytes)
            self._series.move_to_end(key)
            self._bytes -= series.size_bytes
            self._dropped += series.append(point)
            series.describe(metric.description)
            self._bytes += series.size_bytes
            self._received += 1

    def clear(self) -> int:
        """Drop all points except each series' latest, which is the base of the next increase; return how many."""
        with self._lock:
            dropped = 0
            for series in self._series.values():
                self._bytes -= series.size_bytes
                dropped += series.keep_latest()
                self._bytes += series.size_bytes
            self._dropped += dropped
            return dropped

    def series(self, name: str = "", service: str = "", latest: int | None = None) -> Sequence[tuple[Series, Sequence[bytes]]]:
        """List series with their points, the oldest first."""
        with self._lock:
            return [
                (series, list(itertools.islice(reversed(series.points), latest))[::-1])
                for key, series in self._series.items()
                if name in {"", key.name} and service in {"", key.scope.resource.service}
            ]

    def counts(self) -> dict[str, int]:
        """Count the stored, received and dropped points."""
        with self._lock:
            return {
                "series": self._items,
                "points": sum(len(series.points) for series in self._series.values()),
                "bytes": self._bytes,
                "receivedPoints": self._received,
                "droppedPoints": self._dropped,
                "droppedSeries": self._dropped_series,
                "maxSeries": self.max_items,
                "maxPointsPerSeries": self.max_points,
                "maxBytes": self.max_bytes,
            }

    def counts_by_service(self) -> dict[str, int]:
        """Count the stored points of each service."""
        with self._lock:
            counts: Counter[str] = Counter()
            for key, series in self._series.items():
                counts[key.scope.resource.service] += len(series.points)
            return dict(counts)


def _add(delta: Any, total: Any) -> bool:
    is_late = delta.time_unix_nano < total.time_unix_nano
    try:
        if isinstance(delta, NumberDataPoint):
            _add_number(delta, total)
        else:
            _add_buckets(delta, total)
    except ValueError:
        return False
    delta.start_time_unix_nano = min(total.start_time_unix_nano, delta.start_time_unix_nano)
    if is_late:
        delta.time_unix_nano = total.time_unix_nano
        delta.exemplars.extend(total.exemplars)
    return True


def _add_number(delta: Any, total: Any) -> None:
    if delta.WhichOneof("value") == total.WhichOneof("value") == "as_int":
        delta.as_int += total.as_int
    else:
        delta.as_double = float(delta.as_int or delta.as_double) + float(total.as_int or total.as_double)


def _add_buckets(delta: Any, total: Any) -> None:
    if delta.explicit_bounds != total.explicit_bounds or len(delta.bucket_counts) != len(total.bucket_counts):
        raise ValueError("the buckets differ")
    counts = [one + other for one, other in zip(delta.bucket_counts, total.bucket_counts, strict=True)]
    if max([delta.count + total.count, *counts]) >= 2**64:
        raise ValueError("a count is too large")
    delta.count += total.count
    delta.bucket_counts[:] = counts
    for name, combine in (("sum", operator.add), ("min", min), ("max", max)):
        if delta.HasField(name) and total.HasField(name):
            setattr(delta, name, combine(getattr(delta, name), getattr(total, name)))
        else:
            delta.ClearField(name)
