"""OTLP as JSON, taken apart and put together again: which item came from which resource and scope.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from vshop.spans import attributes

Signal = Literal["traces", "logs", "metrics"]
Json = dict[str, Any]

SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")

_NAMES: dict[Signal, tuple[str, str, str]] = {
    "traces": ("resourceSpans", "scopeSpans", "spans"),
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
}


class Row(msgspec.Struct, frozen=True):
    """One span, log record or metric, with where it came from; all three as OTLP's JSON."""

    resource: Json
    scope: Json
    schema_url: str
    item: Json

    @property
    def service(self) -> str:
        """``service.name`` of its resource."""
        return str(attributes(self.resource.get("attributes", [])).get("service.name", ""))


def rows(document: Json, signal: Signal) -> Iterator[Row]:
    """Take a ``TracesData``, ``LogsData`` or ``MetricsData`` apart, in its order."""
    of_resource, of_scope, items = _NAMES[signal]
    for group in document.get(of_resource, []):
        for scope in group.get(of_scope, []):
            for item in scope.get(items, []):
                yield Row(group.get("resource", {}), scope.get("scope", {}), scope.get("schemaUrl", ""), item)


def document(content: Iterable[Row], signal: Signal) -> Json:
    """Put rows together: grouped by resource and scope, each group where its first row stands."""
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
    """Return a metric's kind (``sum``, ``gauge``, ``histogram``, …) and its points."""
    for kind in ("sum", "gauge", "histogram", "exponentialHistogram", "summary"):
        if kind in metric:
            return kind, metric[kind].get("dataPoints", [])
    return "none", []


def nanoseconds(item: Json, name: str = "timeUnixNano") -> int:
    """Return a time of an item, 0 where there is none."""
    return int(item.get(name, 0))
