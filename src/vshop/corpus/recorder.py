"""Records incidents: switches one on, sends its trigger, and collects its telemetry."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from vshop.corpus.loader import CaseFiles, ExportFailedError
from vshop.corpus.otlp import Json, Row, Signal, document, nanoseconds, point_value, points, rows
from vshop.incidents.incident import Incident
from vshop.incidents.verify.context import Context
from vshop.incidents.verify.expect_match import bind_spans, culprits
from vshop.incidents.verify.observation import Observation
from vshop.incidents.verify.run_broken import BrokenRun, read_baseline, run_broken, run_recovery
from vshop.incidents.verify.trigger_orders import judged_orders
from vshop.shop.client import Placed, ShopClient
from vshop.shop.clock import Clock
from vshop.shop.first_order import follow
from vshop.shop.traces import TraceReader

_EXPORT_TIMEOUT_S = 15.0
_KEPT_HEADERS = {"content-type", "www-authenticate", "retry-after", "location", "idempotency-replayed"}
"""The others depend on the server and the time."""

Key = tuple[bytes, bytes, str, bytes]
"""Resource, scope, metric and attributes of a series."""

KEPT = ("shop.", "http.", "messaging.")
"""Prefixes; the SDK's metrics about itself depend on how long the recording waited."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One incident's telemetry while it was on."""

    incident: Incident
    scope: str
    orders: list[Placed]
    judged: list[Placed]
    observations: list[Observation]
    """Only those of judged orders must show what the file expects."""
    traces: list[Row]
    logs: list[Row]
    metrics: list[Row]


class ExportFile:
    """Follows a file of ``SHOP_EXPORT_DIR``, by whole lines."""

    def __init__(self, folder: Path, signal: Signal) -> None:
        self._file = folder / f"{signal}.jsonl"
        self._signal: Signal = signal
        self._read = 0

    def new(self) -> Iterator[Row]:
        """Yield the rows written since the last call."""
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                yield from rows(msgspec.json.decode(line), self._signal)


class Series(msgspec.Struct, frozen=True):
    """The latest point of a series, and the metric it belongs to."""

    row: Row
    kind: str
    point: Json


class LatestPoints:
    """Keeps the latest point of every series."""

    def __init__(self) -> None:
        self._latest: dict[Key, Series] = {}

    def add(self, metrics: Iterable[Row]) -> None:
        """Keep each series' latest point."""
        for row in metrics:
            if not row.item["name"].startswith(KEPT):
                continue
            kind, found = points(row.item)
            for point in found:
                key = _key(row, point)
                held = self._latest.get(key)
                if held is None or nanoseconds(point) >= nanoseconds(held.point):
                    self._latest[key] = Series(row, kind, point)

    def snapshot(self) -> dict[Key, Series]:
        """Return the latest point of every series."""
        return dict(self._latest)


def moved_series(before: dict[Key, Series], after: dict[Key, Series]) -> list[Row]:
    """Return the series that moved, as metrics with two points; a new one began at zero."""
    metrics: list[Row] = []
    for key, series in after.items():
        old = before.get(key)
        if old is not None and point_value(old.point) == point_value(series.point):
            continue
        first = old.point if old is not None else _zero_point(series)
        metric = {name: value for name, value in series.row.item.items() if name != series.kind}
        metric[series.kind] = series.row.item[series.kind] | {"dataPoints": [first, series.point]}
        metrics.append(Row(series.row.resource, series.row.scope, series.row.schema_url, metric))
    return metrics


def _key(row: Row, point: Json) -> Key:
    encode = msgspec.json.encode
    return (encode(row.resource), encode(row.scope), row.item["name"], encode(point.get("attributes", [])))


def _zero_point(series: Series) -> Json:
    start = str(nanoseconds(series.point, "startTimeUnixNano") or nanoseconds(series.point) - 1_000_000_000)
    zero: Json = {"startTimeUnixNano": start, "timeUnixNano": start}
    if "attributes" in series.point:
        zero["attributes"] = series.point["attributes"]
    if series.kind != "histogram":
        return zero | ({"asInt": "0"} if "asInt" in series.point else {"asDouble": 0.0})
    bounds = series.point.get("explicitBounds", [])
    return zero | {"count": "0", "sum": 0.0, "bucketCounts": ["0"] * (len(bounds) + 1), "explicitBounds": bounds}


class Recorder:
    """Needs an observatory that writes every signal to files."""

    def __init__(self, client: ShopClient, traces: TraceReader, folder: Path) -> None:
        self._client = client
        self._traces = traces
        self._clock = Clock()
        self._spans, self._logs, self._metrics = (ExportFile(folder, signal) for signal in ("traces", "logs", "metrics"))
        self._latest_points = LatestPoints()

    def record(self, incident: Incident) -> Recording:
        """Record one incident, and switch it off."""
        follow(self._client, self._traces, 30.0)  # the consumer has processed the previous incident's orders
        context = Context(incident, self._client, self._traces, self._clock)
        baseline = read_baseline(context)
        self._skip()
        scope = "none" if incident.switch is None else "global" if "global" in incident.switch.scope else "request"
        try:
            if scope == "global":
                self._client.switch_on(incident.id, duration="300s")
            run = run_broken(context, baseline, lambda: None, incident.id if scope == "request" else None)
            _require(incident, run.checks)
            recording = self._collect(context, run, scope)
        finally:
            if scope == "global":
                self._client.switch_off(incident.id)
        if incident.recovery is not None:
            _require(incident, run_recovery(context, baseline, run))
        return recording

    def _collect(self, context: Context, run: BrokenRun, scope: str) -> Recording:
        before = self._latest_points.snapshot()
        observations = context.observe(run.orders)
        context.wait_for_metrics()
        self._client.flush_forwarding()
        spans = self._exported_spans({one.span.span_id for observation in observations for one in observation.spans})
        logs = self._exported_logs({trace_id for observation in observations for trace_id in observation.trace_ids})
        self._latest_points.add(self._metrics.new())
        return Recording(
            incident=context.incident,
            scope=scope,
            orders=run.orders,
            judged=judged_orders(context.incident.trigger, run.orders),
            observations=observations,
            traces=spans,
            logs=logs,
            metrics=moved_series(before, self._latest_points.snapshot()),
        )

    def _exported_spans(self, wanted: set[str]) -> list[Row]:
        found: dict[str, Row] = {}

        def all_there() -> bool:
            found.update({row.item["spanId"]: row for row in self._spans.new() if row.item["spanId"] in wanted})
            return wanted <= found.keys()

        if not self._clock.poll(all_there, _EXPORT_TIMEOUT_S):
            raise ExportFailedError(f"{len(wanted - found.keys())} observed spans are missing in the exported files.")
        return list(found.values())

    def _exported_logs(self, trace_ids: set[str]) -> list[Row]:
        return [row for row in self._logs.new() if row.item.get("traceId") in trace_ids]

    def _skip(self) -> None:
        for _ in (*self._spans.new(), *self._logs.new()):
            pass
        self._latest_points.add(self._metrics.new())


def _require(incident: Incident, checks: Iterable[Any]) -> None:
    failed = [check for check in checks if not check.ok]
    if failed:
        details = "; ".join(map(str, failed))
        raise ExportFailedError(f"{incident.id} did not show what its file expects, so it was not recorded. {details}")


def case_files(recording: Recording) -> CaseFiles:
    """Convert a recording to documents."""
    return CaseFiles(
        id=recording.incident.id,
        signals={
            "traces": document(recording.traces, "traces"),
            "logs": document(recording.logs, "logs"),
            "metrics": document(recording.metrics, "metrics"),
        },
        truth=_truth(recording),
    )


def _truth(recording: Recording) -> Json:
    incident = recording.incident
    judged = [observation for observation in recording.observations if observation.placed in recording.judged]
    return {
        "schemaVersion": "1",
        "incident": incident.to_builtins(),
        "scope": recording.scope,
        "orders": [_order(placed, judged=placed in recording.judged) for placed in recording.orders],
        "traces": [
            {"traceId": trace_id, "order": number, "where": where}
            for number, observation in enumerate(recording.observations)
            for trace_id, where in dict.fromkeys((one.span.trace_id, one.where) for one in observation.spans)
        ],
        "culprits": [msgspec.to_builtins(one) for one in culprits(incident.expect, judged)],
        "spans": [
            {
                label: {"traceId": seen.span.trace_id, "spanId": seen.span.span_id}
                for label, seen in bind_spans(incident.expect, observation).items()
            }
            for observation in judged
        ],
    }


def _order(placed: Placed, *, judged: bool) -> Mapping[str, Any]:
    return {
        "traceId": placed.trace_id,
        "orderId": placed.order_id,
        "status": placed.status,
        "headers": {name: value for name, value in sorted(placed.headers.items()) if name.lower() in _KEPT_HEADERS},
        "body": placed.body,
        "judged": judged,
    }
