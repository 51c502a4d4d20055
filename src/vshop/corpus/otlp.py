"""Splits OTLP JSON into rows, and joins rows.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, Self

import msgspec

from vshop.shop.spans import attributes

Signal = Literal["traces", "logs", "metrics"]
Json = dict[str, Any]

SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")

_NAMES: dict[Signal, tuple[str, str, str]] = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
}


class Row(msgspec.Struct, frozen=True):
    """A span, log record or metric with its resource and scope."""

    resource: Json
    scope: Json
    schema_url: str
    item: Json

    @property
    def service(self) -> str:
        """``service.name`` of its resource."""
        return str(attributes(self.resource.get("attributes", [])).get("service.name", ""))

    def with_points(self, found: list[Json]) -> Self:
        """Return a metric with other points."""
        kind, _ = points(self.item)
        return msgspec.structs.replace(self, item=self.item | {kind: self.item[kind] | {"dataPoints": found}})


def rows(document: Json, signal: Signal) -> Iterator[Row]:
    """Split a ``TracesData``, ``LogsData`` or ``MetricsData`` into rows."""
    of_resource, of_scope, items = _NAMES[signal]
    for group in document.get(of_resource) or []:
        for scope in group.get(of_scope) or []:
            for item in scope.get(items) or []:
                yield Row(group.get("resource") or {}, scope.get("scope") or {}, scope.get("schemaUrl") or "", item)


def document(content: Iterable[Row], signal: Signal) -> Json:
    """Join rows by resource and scope in order of first appearance."""
    of_resource, of_scope, items = _NAMES[signal]
    groups: dict[bytes, Json] = {}
    scopes: dict[tuple[bytes, bytes, str], Json] = {}
    for row in content:
        resource, scope = msgspec.json.encode(row.resource), msgspec.json.encode(row.scope)
        if resource not in groups:
            groups[resource] = {"resource": row.resource, of_scope: []}
        key = (resource, scope, row.schema_url)
        if key not in scopes:
            scopes[key] = {"scope": row.scope, items: []} | ({"schemaUrl": row.schema_url} if row.schema_url else {})
            groups[resource][of_scope].append(scopes[key])
        scopes[key][items].append(row.item)
    return {of_resource: list(groups.values())}


def points(metric: Json) -> tuple[str, list[Json]]:
    """Return a metric's kind (``sum``, ``gauge``, …) and points."""
    for kind in ("sum", "gauge", "histogram", "exponentialHistogram", "summary"):
        if kind in metric:
            return kind, (metric[kind] or {}).get("dataPoints") or []
    return "none", []


def point_value(point: Json) -> float:
    """Return a point's value or count."""
    for name in ("asInt", "asDouble", "count"):
        if name in point:
            return float(point[name])
    return 0.0


def nanoseconds(item: Json, name: str = "timeUnixNano") -> int:
    """Return a time of an item, or 0 if it is missing."""
    return int(item.get(name, 0))
