"""Makes a recorded case the same in every run: ids, times, ports and the like are replaced, all relations are kept."""

from collections.abc import Mapping

import msgspec

from vshop.corpus.canonical_metrics import canonical_metrics
from vshop.corpus.case_files import CaseFiles
from vshop.corpus.naming import Names
from vshop.corpus.otlp import Json, Row, document, rows
from vshop.corpus.rewriting import Rewriter
from vshop.corpus.timeline import Timeline
from vshop.incidents.incident import Incident

EPOCH_NS = 1_767_603_600 * 1_000_000_000
"""2026-01-05 09:00 UTC, when the first case begins; each has an hour of its own."""
_CASE_NS, _ORDER_NS, _SECOND_NS = 3600 * 10**9, 10 * 10**9, 10**9

_SERVICES = {"orders": 0, "auth-stub": 1, "stock-updater": 2}
_WHERE = {"own": 0, "linked": 1, "elsewhere": 2}


def canonical(case: CaseFiles, seed: int, number: int, ports: Mapping[str, int]) -> CaseFiles:
    """Make one case canonical.

    Args:
        case: as recorded.
        seed: other seeds give other ids.
        number: the case's number, which gives it its hour.
        ports: the ports of the shop that it was recorded on, by their names.
    """
    return _Canonical(case, seed, number, ports).case()


class _Canonical:
    def __init__(self, case: CaseFiles, seed: int, number: int, ports: Mapping[str, int]) -> None:
        self._case = case
        self._begin = EPOCH_NS + number * _CASE_NS
        self._incident = msgspec.convert(case.truth["incident"], Incident)
        self._timeline = Timeline(rows(case.signals["traces"], "traces"), self._incident.expect)
        self._rewriter = Rewriter(Names(seed, case.id), ports)
        self._trace_start: dict[str, int] = {}

    def case(self) -> CaseFiles:
        """Do it, in an order in which names are given in the same places each time."""
        end = self._lay_out()
        names = self._rewriter.names
        for trace_id in self._trace_start:
            names.hexadecimal(trace_id)
        for row in self._timeline.order:
            names.hexadecimal(row.item["spanId"])
        spans = sorted((self._span(row) for row in self._timeline.order), key=lambda row: _SERVICES.get(row.service, 9))
        named = {move.name for move in self._incident.expect.metrics}
        window = (self._begin - _SECOND_NS, end + _SECOND_NS)
        metrics = list(rows(self._case.signals["metrics"], "metrics"))
        return CaseFiles(
            id=self._case.id,
            signals={
                "traces": document(spans, "traces"),
                "logs": document(self._logs(), "logs"),
                "metrics": document(canonical_metrics(metrics, self._timeline, self._rewriter, named, window), "metrics"),
            },
            truth=self._truth(),
        )

    def _lay_out(self) -> int:
        """Lay out all traces: each order has its ten seconds, and traces that belong to it come after its own."""
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
        ids = {name: rewriter.names.hexadecimal(item[name]) for name in ("traceId", "spanId", "parentSpanId") if item.get(name)}
        made = rewriter.owner(item) | ids | {"startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}
        if "events" in item:
            count = len(item["events"])
            made["events"] = [
                rewriter.owner(event) | {"timeUnixNano": str(end - (count - place) * 10_000)}
                for place, event in enumerate(item["events"])
            ]
        if "links" in item:
            made["links"] = [
                rewriter.owner(link) | {name: rewriter.names.hexadecimal(link[name]) for name in ("traceId", "spanId")}
                for link in item["links"]
            ]
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
        ids = {name: rewriter.names.hexadecimal(item[name]) for name in ("traceId", "spanId")}
        body = {"body": rewriter.attributes([{"key": "", "value": item["body"]}])[0]["value"]} if "body" in item else {}
        times = {"timeUnixNano": str(time_ns), "observedTimeUnixNano": str(time_ns + 1000)}
        return Row(rewriter.owner(row.resource), row.scope, row.schema_url, rewriter.owner(item) | ids | body | times)

    def _truth(self) -> Json:
        self._rewriter.moment_ns = self._begin
        told = {name: value for name, value in self._case.truth.items() if name != "incident"}
        made: Json = self._rewriter.deep(told)
        return {"schemaVersion": made.pop("schemaVersion"), "incident": self._case.truth["incident"], **made}
