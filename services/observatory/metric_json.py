"""Writes series of metric points as JSON (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#metric-points)."""

from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)

from observatory import attributes
from observatory.metric_store import POINT_TYPES, Point, Series
from observatory.protobuf import decode


def series(held: Series, points: Sequence[bytes]) -> dict[str, Any]:
    """Write one series: what it is, and its points, the oldest first; times in microseconds."""
    key = held.key
    return {
        "name": key.name,
        "description": held.description,
        "unit": key.unit,
        "type": key.kind,
        "temporality": key.temporality or None,
        "monotonic": key.monotonic,
        "service": key.scope.resource.service,
        "scope": key.scope.message().name,
        "attributes": attributes.as_json(decode(KeyValue, item) for item in key.attributes),
        "points": [_point(decode(POINT_TYPES[key.kind], raw)) for raw in points],
    }


def _point(point: Point) -> dict[str, Any]:
    times = {"time": point.time_unix_nano // 1_000, "startTime": point.start_time_unix_nano // 1_000}
    if isinstance(point, SummaryDataPoint):
        quantiles = [{"quantile": item.quantile, "value": attributes.json_value(item.value)} for item in point.quantile_values]
        return times | {"count": point.count, "sum": attributes.json_value(point.sum), "quantiles": quantiles}
    return times | _measured(point) | {"exemplars": _exemplars(point.exemplars)}


def _measured(point: NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint) -> dict[str, Any]:
    if isinstance(point, NumberDataPoint):
        return {"value": _number(point)}
    found: dict[str, Any] = {"count": point.count}
    for name in ("sum", "min", "max"):
        found[name] = attributes.json_value(getattr(point, name)) if point.HasField(name) else None
    if isinstance(point, HistogramDataPoint):
        return found | {"buckets": {"bounds": list(point.explicit_bounds), "counts": list(point.bucket_counts)}}
    sides = {"positive": point.positive, "negative": point.negative}
    return found | {
        "scale": point.scale,
        "zeroCount": point.zero_count,
        **{name: {"offset": side.offset, "counts": list(side.bucket_counts)} for name, side in sides.items()},
    }


def _exemplars(items: Iterable[Exemplar]) -> list[dict[str, Any]]:
    return [
        {
            "time": item.time_unix_nano // 1_000,
            "value": _number(item),
            "traceId": item.trace_id.hex(),
            "spanId": item.span_id.hex(),
            "attributes": attributes.as_json(item.filtered_attributes),
        }
        for item in items
    ]


def _number(item: NumberDataPoint | Exemplar) -> Any:
    kind = item.WhichOneof("value")
    return attributes.json_value(getattr(item, kind)) if kind else None
