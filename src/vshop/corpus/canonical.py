"""Makes recordings identical in every run: replaces ids, times and ports, and keeps all relations.

Metrics count from zero, and histograms agree with the spans.
"""

import bisect
from collections.abc import Mapping

import msgspec

from vshop.corpus.loader import CaseFiles
from vshop.corpus.otlp import Json, Row, document, point_value, points, rows
from vshop.corpus.replacements import OWN_NS, Names, Rewriter, Timeline
from vshop.incidents.incident import Incident
from vshop.shop.spans import attributes

EPOCH_NS = 1_767_603_600 * 1_000_000_000
"""2026-01-05 09:00 UTC; each case has one hour."""
_CASE_NS, _ORDER_NS, _SECOND_NS = 3600 * 10**9, 10 * 10**9, 10**9

_SPANS_OF = {
    "http.server.request.duration": 2,
    "http.client.request.duration": 3,
    "messaging.client.operation.duration": 4,
    "messaging.process.duration": 5,
}
"""Kind of the spans that a histogram counts."""

_SERVICES = {"orders": 0, "auth-stub": 1, "stock-updater": 2}
_WHERE = {"own": 0, "linked": 1, "elsewhere": 2}


class _CaseBuilder:
    def __init__(self, case: CaseFiles, seed: int, number: int, ports: Mapping[str, int]) -> None:
        self._case = case
        self._begin = EPOCH_NS + number * _CASE_NS
        self._incident = msgspec.convert(case.truth["incident"], Incident)
        self._timeline = Timeline(rows(case.signals["traces"], "traces"), self._incident.expect)
        self._rewriter = Rewriter(Names(seed, case.id), ports)
        self._trace_start: dict[str, int] = {}

    def canonical(self) -> CaseFiles:
        """Always in the same order, which determines the ids."""
        end = self._lay_out()
        names = self._rewriter.names
        for trace_id in self._trace_start:
            names.replacement(trace_id)
        for row in self._timeline.order:
            names.replacement(row.item["spanId"])
        spans = sorted((self._span(row) for row in self._timeline.order), key=lambda row: _SERVICES.get(row.service, 9))
        named = {move.name for move in self._incident.expect.metrics}
        window = (self._begin - _SECOND_NS, end + _SECOND_NS)
        kept = [row for row in rows(self._case.signals["metrics"], "metrics") if _is_kept(row, named)]
        metrics = [_metric(row, self._timeline, self._rewriter, window) for row in kept]
        metrics.sort(key=lambda row: (row.service, str(row.scope.get("name")), row.item["name"], _attributes_key(row)))
        return CaseFiles(
            id=self._case.id,
            signals={
                "traces": document(spans, "traces"),
                "logs": document(self._logs(), "logs"),
                "metrics": document(metrics, "metrics"),
            },
            truth=self._truth(),
        )

    def _lay_out(self) -> int:
        """Each order has ten seconds, and its other traces follow its own. Returns the end."""
        end = self._begin
        traces = sorted(self._case.truth["traces"], key=lambda one: (one["order"], _WHERE[one["where"]]))
        for trace in traces:
            if trace["traceId"] in self._trace_start:
                continue
            start = self._begin + trace["order"] * _ORDER_NS if trace["where"] == "own" else end
            self._trace_start[trace["traceId"]] = start
            end = self._timeline.lay_trace(trace["traceId"], start)
        return end

    def _span(self, row: Row) -> Row:
        item, rewriter, timeline = row.item, self._rewriter, self._timeline
        rewriter.moment_ns = self._trace_start[item["traceId"]]
        start, end = timeline.start[item["spanId"]], timeline.end[item["spanId"]]
        made = rewriter.owner(item) | {"startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}
        if "events" in item:
            count = len(item["events"])
            made["events"] = [
                rewriter.owner(event) | {"timeUnixNano": str(end - (count - place) * 10_000)}
                for place, event in enumerate(item["events"])
            ]
        if "links" in item:
            made["links"] = [rewriter.owner(link) for link in item["links"]]
        if "status" in item and "message" in item["status"]:
            made["status"] = item["status"] | {"message": rewriter.text(item["status"]["message"])}
        for pair in made.get("attributes", []):
            if pair["key"] == "shop.kafka.queue_time_ms":
                pair["value"] = {"intValue": str(timeline.queued_ms(item["spanId"]))}
        return Row(rewriter.owner(row.resource), row.scope, row.schema_url, made)

    def _logs(self) -> list[Row]:
        by_span: dict[str, list[Row]] = {}
        for row in sorted(rows(self._case.signals["logs"], "logs"), key=lambda row: int(row.item["timeUnixNano"])):
            by_span.setdefault(row.item.get("spanId", ""), []).append(row)
        made = [
            self._log(row, self._timeline.logged(span_id, int(row.item["timeUnixNano"]), number))
            for span_id in self._timeline.start
            for number, row in enumerate(by_span.get(span_id, []))
        ]
        return sorted(made, key=lambda row: (_SERVICES.get(row.service, 9), int(row.item["timeUnixNano"])))

    def _log(self, row: Row, time_ns: int) -> Row:
        item, rewriter = row.item, self._rewriter
        rewriter.moment_ns = self._trace_start[item["traceId"]]
        body = {"body": rewriter.value("", item["body"])} if "body" in item else {}
        times = {"timeUnixNano": str(time_ns), "observedTimeUnixNano": str(time_ns + 1000)}
        return Row(rewriter.owner(row.resource), row.scope, row.schema_url, rewriter.owner(item) | body | times)

    def _truth(self) -> Json:
        self._rewriter.moment_ns = self._begin
        truth = {name: value for name, value in self._case.truth.items() if name != "incident"}
        made: Json = self._rewriter.deep(truth)
        return {"schemaVersion": made.pop("schemaVersion"), "incident": self._case.truth["incident"], **made}


def _is_kept(row: Row, named: set[str]) -> bool:
    name = row.item["name"]
    if name == "http.server.active_requests" or (name.startswith("http.server.") and row.service == "stock-updater"):
        return False  # depends on how often the stock was read
    return name != "shop.consumer.lag" or name in named  # otherwise it depends on when it was read


def _metric(row: Row, timeline: Timeline, rewriter: Rewriter, window: tuple[int, int]) -> Row:
    kind, (first, last) = points(row.item)
    started = {"startTimeUnixNano": str(window[0])} if kind != "gauge" else {}
    own_attributes = rewriter.owner({"attributes": last["attributes"]} if "attributes" in last else {})
    times = [started | {"timeUnixNano": str(moment)} | own_attributes for moment in window]
    old, new = (point_value(first), point_value(last)) if kind == "gauge" else (0.0, point_value(last) - point_value(first))
    if kind == "histogram":
        contents = [_histogram(last, []), _histogram(last, _durations(row, last, int(new), timeline))]
    else:
        contents = [{"asInt": str(int(value))} if "asInt" in last else {"asDouble": value} for value in (old, new)]
    pair = [time | content for time, content in zip(times, contents, strict=True)]
    return msgspec.structs.replace(row.with_points(pair), resource=rewriter.owner(row.resource))


def _durations(row: Row, point: Json, count: int, timeline: Timeline) -> list[int]:
    labels = attributes(point.get("attributes", []))
    found = [
        timeline.end[span.item["spanId"]] - timeline.start[span.item["spanId"]]
        for span in timeline.order
        if span.item.get("kind") == _SPANS_OF.get(row.item["name"]) and span.service == row.service and _matches(labels, span)
    ]
    return (found + [OWN_NS] * count)[:count]


def _matches(labels: Json, span: Row) -> bool:
    own = attributes(span.item.get("attributes", []))
    return all(own.get(name, value) == value for name, value in labels.items())


def _histogram(like: Json, durations_ns: list[int]) -> Json:
    bounds = like.get("explicitBounds", [])
    counts = [0] * (len(bounds) + 1)
    for duration in durations_ns:
        counts[bisect.bisect_left(bounds, duration / 1e9)] += 1
    found: Json = {"count": str(len(durations_ns)), "sum": round(sum(durations_ns) / 1e9, 9)}
    return found | {"bucketCounts": [str(one) for one in counts], "explicitBounds": bounds}


def _attributes_key(row: Row) -> bytes:
    return msgspec.json.encode(points(row.item)[1][0].get("attributes", []))


def canonical(case: CaseFiles, seed: int, number: int, ports: Mapping[str, int]) -> CaseFiles:
    """Return a case's canonical form; the seed determines the ids, the number its hour."""
    return _CaseBuilder(case, seed, number, ports).canonical()
