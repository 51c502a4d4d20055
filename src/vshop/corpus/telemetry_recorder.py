"""Records telemetry faults: the altered telemetry of good orders, and what was altered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vshop.corpus.loader import CaseFiles, ExportFailedError
from vshop.corpus.otlp import Json, Row, document
from vshop.corpus.recorder import ExportFile, LatestPoints, moved_series
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.incidents.verify.telemetry_fault import AUTO_OFF_S, TelemetryFaultVerifier
from vshop.incidents.verify.telemetry_marks import short_id
from vshop.shop.client import Placed, ShopClient
from vshop.shop.clock import Clock


class TelemetryRecorder:
    """Needs an observatory that writes every signal to files."""

    def __init__(self, client: ShopClient, folder: Path) -> None:
        self._client = client
        self._clock = Clock()
        self._verifier = TelemetryFaultVerifier(client, self._clock)
        self._spans, self._logs, self._metrics = (ExportFile(folder, signal) for signal in ("traces", "logs", "metrics"))
        self._points = LatestPoints()

    def record(self, fault: TelemetryFault) -> CaseFiles:
        """Record one fault, and switch it off. Raises ExportFailedError."""
        self._flush()
        self._skip()
        before = self._points.snapshot()
        self._client.telemetry_fault_on(fault.id, fault.alter, seconds=AUTO_OFF_S)
        try:
            orders = [self._client.place_order(fault.order.item_id, fault.order.quantity) for _ in range(fault.orders)]
            self._flush()
            failed = [check for placed in orders for check in self._verifier.marks(fault, placed) if not check.ok]
        finally:
            self._client.telemetry_fault_off(fault.id)
        if failed:
            raise ExportFailedError(f"{fault.id} was not recorded. {'; '.join(map(str, failed))}")
        held_ms = max(one.ms if one.action in {"delay", "sampleErrors"} else 0 for one in fault.alter)
        self._clock.sleep(held_ms / 1000)  # held telemetry belongs to the case
        self._flush()
        return self._case(fault, orders, before)

    def _case(self, fault: TelemetryFault, orders: list[Placed], before: Any) -> CaseFiles:
        ids = {one for placed in orders for one in (placed.trace_id, short_id(placed.trace_id))}
        names = [str(placed.order_id) for placed in orders]
        spans = [row for row in self._spans.new() if row.item.get("traceId") in ids]
        logs = [row for row in self._logs.new() if row.item.get("traceId") in ids or _names_one(row, names)]
        self._points.add(self._metrics.new())
        return CaseFiles(
            id=fault.id,
            signals={
                "traces": document(spans, "traces"),
                "logs": document(logs, "logs"),
                "metrics": document(moved_series(before, self._points.snapshot()), "metrics"),
            },
            truth=_truth(fault, orders, {row.item["traceId"] for row in spans}),
        )

    def _flush(self) -> None:
        self._client.flush()
        self._client.flush_forwarding()

    def _skip(self) -> None:
        for _ in (*self._spans.new(), *self._logs.new()):
            pass
        self._points.add(self._metrics.new())


def _names_one(row: Row, names: list[str]) -> bool:
    text = str(row.item.get("body"))
    return any(name in text for name in names)


def _truth(fault: TelemetryFault, orders: list[Placed], stored: set[str]) -> Json:
    return {
        "schemaVersion": "1",
        "telemetryFault": fault.to_builtins(),
        "scope": "telemetry",
        "orders": [_order(fault, placed) for placed in orders],
        "traces": [
            {"traceId": trace_id, "order": number}
            for number, placed in enumerate(orders)
            for trace_id in (placed.trace_id, short_id(placed.trace_id))
            if trace_id in stored
        ],
        "culprits": [],
    }


def _order(fault: TelemetryFault, placed: Placed) -> Mapping[str, Any]:
    sampled = {", ".join(one.services) or "all": one.samples(placed.trace_id) for one in fault.alter if one.action == "sample"}
    return {"traceId": placed.trace_id, "orderId": placed.order_id, "status": placed.status, "sampled": sampled}
