"""Records incidents and telemetry faults: switches one on, sends its orders, and collects their telemetry."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from vshop.corpus.loader import CaseFiles, ExportFailedError
from vshop.corpus.otlp import SIGNALS, Json, Row, Signal, document, nanoseconds, point_value, points, rows
from vshop.incidents.incident import Incident
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.incidents.verify.context import Context
from vshop.incidents.verify.expect_match import bind_spans, culprits
from vshop.incidents.verify.observation import Observation
from vshop.incidents.verify.phases import BrokenRun, TakenScope, read_baseline, run_broken, run_recovery
from vshop.incidents.verify.telemetry_fault import AUTO_OFF_S, TelemetryFaultVerifier, short_id
from vshop.incidents.verify.trigger_orders import judged_orders
from vshop.incidents.verify.verdict import Check
from vshop.kit.times import Clock
from vshop.shop.client import Placed, ShopClient
from vshop.shop.first_order import follow
from vshop.shop.traces import TraceReader

_EXPORT_TIMEOUT_S = 15.0
_KEPT_HEADERS = {"content-type", "www-authenticate", "retry-after", "location", "idempotency-replayed"}
"""The others depend on the server and the time."""
_KEPT_METRICS = ("shop.", "http.", "messaging.")
"""Prefixes; the SDK's metrics about itself depend on how long the recording waited."""

Key = tuple[bytes, bytes, str, bytes]
"""Resource, scope, metric and attributes of a series."""


class _Series(msgspec.Struct, frozen=True):
    """The latest point of a series, and the metric it belongs to."""

    row: Row
    point: Json


class _Exports:
    """Follows the files of ``SHOP_EXPORT_DIR``, by whole lines, and keeps the latest point of every series."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read = dict.fromkeys(SIGNALS, 0)
        self._latest: dict[Key, _Series] = {}

    def new(self, signal: Signal) -> Iterator[Row]:
        """Yield the rows written since the last call."""
        path = self._folder / f"{signal}.jsonl"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._read[signal])
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read[signal] += len(line)
                yield from rows(msgspec.json.decode(line), signal)

    def skip(self) -> dict[Key, _Series]:
        """Skip everything so far; return the latest point of every series."""
        for _ in (*self.new("traces"), *self.new("logs")):
            pass
        return self.latest()

    def latest(self) -> dict[Key, _Series]:
        """Return the latest point of every series."""
        encode = msgspec.json.encode
        for row in self.new("metrics"):
            _, found = points(row.item)
            for point in found if row.item["name"].startswith(_KEPT_METRICS) else ():
                key = (encode(row.resource), encode(row.scope), row.item["name"], encode(point.get("attributes", [])))
                held = self._latest.get(key)
                if held is None or nanoseconds(point) >= nanoseconds(held.point):
                    self._latest[key] = _Series(row, point)
        return dict(self._latest)


def _moved_series(before: dict[Key, _Series], after: dict[Key, _Series]) -> Iterator[Row]:
    """Yield the series that moved, as metrics with two points; a new one began at zero."""
    for key, series in after.items():
        first = before[key].point if key in before else _zero_point(series)
        if key not in before or point_value(first) != point_value(series.point):
            yield series.row.with_points([first, series.point])


def _zero_point(series: _Series) -> Json:
    start = str(nanoseconds(series.point, "startTimeUnixNano") or nanoseconds(series.point) - 1_000_000_000)
    zero: Json = {"startTimeUnixNano": start, "timeUnixNano": start}
    if "attributes" in series.point:
        zero["attributes"] = series.point["attributes"]
    if "histogram" not in series.row.item:
        return zero | ({"asInt": "0"} if "asInt" in series.point else {"asDouble": 0.0})
    bounds = series.point.get("explicitBounds", [])
    return zero | {"count": "0", "sum": 0.0, "bucketCounts": ["0"] * (len(bounds) + 1), "explicitBounds": bounds}


class Recorder:
    """Needs an observatory that writes every signal to files."""

    def __init__(self, client: ShopClient, traces: TraceReader, folder: Path) -> None:
        self._client = client
        self._traces = traces
        self._clock = Clock()
        self._exports = _Exports(folder)

    def record(self, incident: Incident) -> CaseFiles:
        """Record one incident, and switch it off. Raises ExportFailedError."""
        follow(self._client, self._traces, 30.0)  # the consumer has processed the previous incident's orders
        context = Context(incident, self._client, self._traces, self._clock)
        baseline = read_baseline(context)
        before = self._exports.skip()
        scope: TakenScope = "none" if incident.switch is None else "global" if "global" in incident.switch.scope else "request"
        failure = f"{incident.id} did not show what its file expects, so it was not recorded."
        try:
            run = run_broken(context, baseline, scope)
            require(failure, run.checks)
            case = self._collect(context, run, scope, before)
        finally:
            if scope == "global":
                self._client.switch_off(incident.id)
        if incident.recovery is not None:
            require(failure, run_recovery(context, baseline, run))
        return case

    def record_altered(self, fault: TelemetryFault) -> CaseFiles:
        """Record one telemetry fault, and switch it off: the altered telemetry of good orders. Raises ExportFailedError."""
        self._flush()
        before = self._exports.skip()
        self._client.telemetry_fault_on(fault.id, fault.alter, seconds=AUTO_OFF_S)
        try:
            orders = [self._client.place_order(fault.order.item_id, fault.order.quantity) for _ in range(fault.orders)]
            self._flush()
            verifier = TelemetryFaultVerifier(self._client, self._clock)
            checks = [check for placed in orders for check in verifier.marks(fault, placed)]
        finally:
            self._client.telemetry_fault_off(fault.id)
        require(f"{fault.id} was not recorded.", checks)
        held_ms = max(one.ms if one.action in {"delay", "sampleErrors"} else 0 for one in fault.alter)
        self._clock.sleep(held_ms / 1000)  # held telemetry belongs to the case
        self._flush()
        ids = {one for placed in orders for one in (placed.trace_id, short_id(placed.trace_id))}
        names = [str(placed.order_id) for placed in orders]
        spans = [row for row in self._exports.new("traces") if row.item.get("traceId") in ids]
        logs = [
            row
            for row in self._exports.new("logs")
            if row.item.get("traceId") in ids or any(name in str(row.item.get("body")) for name in names)
        ]
        return self._case(fault.id, spans, logs, before, _altered_truth(fault, orders, {row.item["traceId"] for row in spans}))

    def _flush(self) -> None:
        self._client.flush()
        self._client.flush_forwarding()

    def _collect(self, context: Context, run: BrokenRun, scope: str, before: dict[Key, _Series]) -> CaseFiles:
        observations = context.observe(run.orders)
        context.wait_for_metrics()
        self._client.flush_forwarding()
        wanted = {one.span.span_id for observation in observations for one in observation.spans}
        spans: dict[str, Row] = {}

        def all_there() -> bool:
            spans.update({row.item["spanId"]: row for row in self._exports.new("traces") if row.item["spanId"] in wanted})
            return wanted <= spans.keys()

        if not self._clock.poll(all_there, _EXPORT_TIMEOUT_S):
            raise ExportFailedError(f"{len(wanted - spans.keys())} observed spans are missing in the exported files.")
        trace_ids = {trace_id for observation in observations for trace_id in observation.trace_ids}
        logs = [row for row in self._exports.new("logs") if row.item.get("traceId") in trace_ids]
        incident = context.incident
        return self._case(incident.id, spans.values(), logs, before, _truth(incident, scope, run, observations))

    def _case(self, case_id: str, spans: Iterable[Row], logs: Iterable[Row], before: dict[Key, _Series], truth: Json) -> CaseFiles:
        found: dict[Signal, Iterable[Row]] = {
            "traces": spans,
            "logs": logs,
            "metrics": _moved_series(before, self._exports.latest()),
        }
        signals = {signal: document(content, signal) for signal, content in found.items()}
        return CaseFiles(id=case_id, signals=signals, truth={"schemaVersion": "1", **truth})


def require(failure: str, checks: Iterable[Check]) -> None:
    """Raise ExportFailedError with the failed checks, if any."""
    failed = [str(check) for check in checks if not check.ok]
    if failed:
        raise ExportFailedError(f"{failure} {'; '.join(failed)}")


def _truth(incident: Incident, scope: str, run: BrokenRun, observations: Sequence[Observation]) -> Json:
    orders = judged_orders(incident.trigger, run.orders)
    judged = [observation for observation in observations if observation.placed in orders]
    return {
        "incident": msgspec.to_builtins(incident),
        "scope": scope,
        "orders": [
            {
                "traceId": placed.trace_id,
                "orderId": placed.order_id,
                "status": placed.status,
                "headers": {name: value for name, value in sorted(placed.headers.items()) if name.lower() in _KEPT_HEADERS},
                "body": placed.body,
                "judged": placed in orders,
            }
            for placed in run.orders
        ],
        "traces": [
            {"traceId": trace_id, "order": number, "where": where}
            for number, observation in enumerate(observations)
            for trace_id, where in dict.fromkeys((one.span.trace_id, one.where) for one in observation.spans)
        ],
        "culprits": msgspec.to_builtins(culprits(incident.expect, judged)),
        "spans": [
            {
                label: {"traceId": seen.span.trace_id, "spanId": seen.span.span_id}
                for label, seen in bind_spans(incident.expect, observation).items()
            }
            for observation in judged
        ],
    }


def _altered_truth(fault: TelemetryFault, orders: Sequence[Placed], stored: set[str]) -> Json:
    samplers = [(", ".join(one.services) or "all", one) for one in fault.alter if one.action == "sample"]
    return {
        "telemetryFault": msgspec.to_builtins(fault),
        "scope": "telemetry",
        "orders": [
            {
                "traceId": placed.trace_id,
                "orderId": placed.order_id,
                "status": placed.status,
                "sampled": {services: one.samples(placed.trace_id) for services, one in samplers},
            }
            for placed in orders
        ],
        "traces": [
            {"traceId": trace_id, "order": number}
            for number, placed in enumerate(orders)
            for trace_id in (placed.trace_id, short_id(placed.trace_id))
            if trace_id in stored
        ],
        "culprits": [],
    }
