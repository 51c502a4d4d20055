"""Makes the metrics of a case canonical: they count from zero, and histograms agree with the spans' canonical durations."""

import bisect
from collections.abc import Sequence

import msgspec

from vshop.corpus.metric_steps import number
from vshop.corpus.otlp import Json, Row, points
from vshop.corpus.rewriting import Rewriter
from vshop.corpus.timeline import OWN_NS, Timeline
from vshop.spans import attributes

_SPANS_OF = {
    "http.server.request.duration": 2,
    "http.client.request.duration": 3,
    "messaging.client.operation.duration": 4,
    "messaging.process.duration": 5,
}
"""The kind of the spans that a histogram of durations tells of."""


def canonical_metrics(
    rows: Sequence[Row], timeline: Timeline, rewriter: Rewriter, named: set[str], window: tuple[int, int]
) -> list[Row]:
    """Make metrics canonical.

    Args:
        rows: the metrics of the case, two points each.
        timeline: where its spans lie.
        rewriter: rewrites attributes.
        named: metrics that the incident's file speaks of.
        window: when the first and the second point were taken, in nanoseconds since the epoch.
    """
    kept = [row for row in rows if _of_the_case(row, named)]
    made = [_metric(row, timeline, rewriter, window) for row in kept]
    return sorted(made, key=lambda row: (row.service, str(row.scope.get("name")), row.item["name"], _attributes(row)))


def _of_the_case(row: Row, named: set[str]) -> bool:
    name = row.item["name"]
    if name == "http.server.active_requests" or (name.startswith("http.server.") and row.service == "stock-updater"):
        return False  # who looked at the stock, and how often, is nobody's case
    return name != "shop.consumer.lag" or name in named  # else it depends on the moment of the look


def _metric(row: Row, timeline: Timeline, rewriter: Rewriter, window: tuple[int, int]) -> Row:
    kind, (first, last) = points(row.item)
    started = {"startTimeUnixNano": str(window[0])} if kind != "gauge" else {}
    told = rewriter.owner({name: last[name] for name in ("attributes",) if name in last})
    times = [started | {"timeUnixNano": str(moment)} | told for moment in window]
    pair: list[Json]
    if kind == "histogram":
        pair = [
            times[0] | _histogram(last, []),
            times[1] | _histogram(last, _durations(row, last, int(number(last) - number(first)), timeline)),
        ]
    else:
        whole = "asInt" in last
        values = (number(first), number(last)) if kind == "gauge" else (0.0, number(last) - number(first))
        pair = [
            time | ({"asInt": str(int(value))} if whole else {"asDouble": value}) for time, value in zip(times, values, strict=True)
        ]
    metric = {name: value for name, value in row.item.items() if name != kind} | {kind: row.item[kind] | {"dataPoints": pair}}
    return Row(rewriter.owner(row.resource), row.scope, row.schema_url, metric)


def _durations(row: Row, point: Json, count: int, timeline: Timeline) -> list[int]:
    """Return the durations that a histogram counted, in nanoseconds; of spans in other traces, such as logins, a moment each."""
    told = attributes(point.get("attributes", []))
    found = [
        timeline.end[span.item["spanId"]] - timeline.start[span.item["spanId"]]
        for span in timeline.order
        if span.item.get("kind") == _SPANS_OF.get(row.item["name"]) and span.service == row.service and _agrees(told, span)
    ]
    return (found + [OWN_NS] * count)[:count]


def _agrees(told: Json, span: Row) -> bool:
    own = attributes(span.item.get("attributes", []))
    return all(own.get(name, value) == value for name, value in told.items())


def _histogram(like: Json, durations_ns: list[int]) -> Json:
    bounds = like.get("explicitBounds", [])
    counts = [0] * (len(bounds) + 1)
    for duration in durations_ns:
        counts[bisect.bisect_left(bounds, duration / 1e9)] += 1
    found: Json = {"count": str(len(durations_ns)), "sum": round(sum(durations_ns) / 1e9, 9)}
    return found | {"bucketCounts": [str(one) for one in counts], "explicitBounds": bounds}


def _attributes(row: Row) -> bytes:
    return msgspec.json.encode(points(row.item)[1][0].get("attributes", []))
