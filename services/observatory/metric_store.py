"""Holds metric points by series in bounded memory: so many series, and so many points of each."""

import itertools
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence

import msgspec
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)

from observatory.origin_sizes import OriginSizes
from observatory.spans import Origins, Scope

Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint

POINT_TYPES: dict[str, type[Point]] = {
    "gauge": NumberDataPoint,
    "sum": NumberDataPoint,
    "histogram": HistogramDataPoint,
    "exponential_histogram": ExponentialHistogramDataPoint,
    "summary": SummaryDataPoint,
}
"""What a point of each kind of metric decodes to; the kinds are the names in OTLP's ``Metric``."""

_TEMPORALITIES = {1: "delta", 2: "cumulative"}


class SeriesKey(msgspec.Struct, frozen=True):
    """What makes a series: the metric, where it came from, and its attributes (each serialised, sorted)."""

    scope: Scope
    name: str
    unit: str
    kind: str
    temporality: str
    monotonic: bool
    attributes: tuple[bytes, ...]


class Series:
    """The points of one series, the oldest first; each as OTLP bytes."""

    __slots__ = ("description", "key", "points", "size_bytes")

    def __init__(self, key: SeriesKey, max_points: int) -> None:
        self.key = key
        self.description = ""
        self.points: deque[bytes] = deque(maxlen=max_points)
        self.size_bytes = len(key.name) + len(key.unit) + sum(map(len, key.attributes))


class MetricStore:
    """Metric points in memory, safe to use from many threads."""

    def __init__(self, max_series: int = 2_000, max_points: int = 240, max_bytes: int = 128_000_000) -> None:
        """Make an empty store.

        Args:
            max_series: series held; beyond them the one that got no point for longest is dropped.
            max_points: points held of a series; beyond them its oldest is dropped.
            max_bytes: bytes of OTLP held; beyond them go, as with series, those that got no point for longest.
        """
        self.max_series, self.max_points, self.max_bytes = max_series, max_points, max_bytes
        self._lock = threading.Lock()
        self._origins = Origins()
        self._series: OrderedDict[SeriesKey, Series] = OrderedDict()
        self._origin_sizes = OriginSizes()
        self._bytes = self._points = self._received = self._dropped = self._dropped_series = 0

    def add(self, request: ExportMetricsServiceRequest) -> int:
        """Take what an exporter sent.

        Returns:
            How many points were refused: none, ever.
        """
        with self._lock:
            for of_resource in request.resource_metrics:
                for of_scope in of_resource.scope_metrics:
                    scope = self._origins.scope(of_resource.resource, of_scope.scope)
                    for metric in of_scope.metrics:
                        self._add_metric(metric, scope)
            while len(self._series) > self.max_series or self._bytes + self._origin_sizes.total > self.max_bytes:
                self._drop_oldest()
        return 0

    def _drop_oldest(self) -> None:
        key, series = self._series.popitem(last=False)
        self._origin_sizes.remove(key.scope)
        self._bytes -= series.size_bytes
        self._points -= len(series.points)
        self._dropped += len(series.points)
        self._dropped_series += 1

    def _add_metric(self, metric: Metric, scope: Scope) -> None:
        kind = metric.WhichOneof("data")
        if kind is None:
            return
        data = getattr(metric, kind)
        temporality = _TEMPORALITIES.get(getattr(data, "aggregation_temporality", 0), "")
        for point in data.data_points:
            key = SeriesKey(
                scope,
                metric.name,
                metric.unit,
                kind,
                temporality,
                getattr(data, "is_monotonic", False),
                _identity(point.attributes),
            )
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = Series(key, self.max_points)
                self._origin_sizes.add(scope)
                self._bytes += series.size_bytes
            self._series.move_to_end(key)
            self._append(series, metric.description, point.SerializeToString())
            self._received += 1

    def _append(self, series: Series, description: str, raw: bytes) -> None:
        before = len(series.description)
        if len(series.points) == self.max_points:
            before += len(series.points[0])  # makes room
            self._dropped += 1
            self._points -= 1
        series.description = description
        series.points.append(raw)
        series.size_bytes += len(description) + len(raw) - before
        self._bytes += len(description) + len(raw) - before
        self._points += 1

    def clear(self) -> int:
        """Drop every point but each series' latest: services count on, and only from there can be told what comes next.

        Returns:
            How many points were dropped.
        """
        with self._lock:
            before = self._points
            for series in self._series.values():
                latest = series.points.pop()
                gone = sum(map(len, series.points))
                series.size_bytes -= gone
                self._bytes -= gone
                series.points.clear()
                series.points.append(latest)
            self._points = len(self._series)
            self._dropped += before - self._points
            return before - self._points

    def series(self, name: str = "", service: str = "", latest: int | None = None) -> Sequence[tuple[Series, Sequence[bytes]]]:
        """List series with their points, the oldest first.

        Args:
            name: of this metric only, where it is given.
            service: of this service only, where it is given.
            latest: so many of each series' latest points; None for all.
        """
        with self._lock:
            return [
                (series, list(itertools.islice(reversed(series.points), latest))[::-1])
                for key, series in self._series.items()
                if name in {"", key.name} and service in {"", key.scope.resource.service}
            ]

    def counts(self) -> dict[str, int]:
        """Count what is held, was received and dropped."""
        with self._lock:
            return {
                "series": len(self._series),
                "points": self._points,
                "bytes": self._bytes + self._origin_sizes.total,
                "receivedPoints": self._received,
                "droppedPoints": self._dropped,
                "droppedSeries": self._dropped_series,
                "maxSeries": self.max_series,
                "maxPointsPerSeries": self.max_points,
                "maxBytes": self.max_bytes,
            }

    def counts_by_service(self) -> dict[str, int]:
        """Count the points held of each service."""
        with self._lock:
            counts: Counter[str] = Counter()
            for key, series in self._series.items():
                counts[key.scope.resource.service] += len(series.points)
            return dict(counts)


def _identity(attributes: Iterable[KeyValue]) -> tuple[bytes, ...]:
    return tuple(sorted(item.SerializeToString() for item in attributes))
