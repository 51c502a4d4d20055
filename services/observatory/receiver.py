"""Stores and forwards the requests of all protocols."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from observatory.faults.filter import TelemetryFaults
from observatory.forward import Forwarding
from observatory.forward.queue import Signal
from observatory.store import Stores

REQUESTS: dict[Signal, type[Any]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
_RESPONSES: dict[Signal, type[Any]] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}


class Receiver:
    """Takes requests of all protocols."""

    def __init__(self, stores: Stores, forwarding: Forwarding, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._stores, self._forwarding, self._now_ns = stores, forwarding, now_ns
        self.faults = TelemetryFaults(self._deliver, now_ns)

    def receive(self, signal: Signal, message: Any, rejected: int = 0, errors: Sequence[str] = ()) -> Any:
        """Store and forward an ``Export…ServiceRequest``; return the response, whose partial success names everything rejected.

        ``rejected`` items could not be read, for the reasons in ``errors``.
        """
        reasons = list(errors)
        if signal == "logs":
            self._stamp(message)
        refused = self._deliver(signal, self.faults.apply(signal, message))
        if refused:
            rejected += refused
            reasons.append(f"{refused} spans were refused: a trace, span or parent id has the wrong length or is all zero.")
        response = _RESPONSES[signal]()
        if rejected or reasons:
            counter = {"logs": "rejected_log_records", "metrics": "rejected_data_points", "traces": "rejected_spans"}[signal]
            setattr(response.partial_success, counter, rejected)
            response.partial_success.error_message = "; ".join(reasons).encode(errors="replace").decode()
        return response

    def _deliver(self, signal: Signal, message: Any) -> int:
        stores = self._stores
        add: Callable[[Any], int] = {"traces": stores.traces.add, "logs": stores.logs.add, "metrics": stores.metrics.add}[signal]
        refused = add(message)
        self._forwarding.offer(signal, message)
        return refused if signal == "traces" else 0

    def _stamp(self, message: ExportLogsServiceRequest) -> None:
        now_ns = self._now_ns()
        for of_resource in message.resource_logs:
            for of_scope in of_resource.scope_logs:
                for record in of_scope.log_records:
                    if not record.time_unix_nano and not record.observed_time_unix_nano:
                        record.observed_time_unix_nano = now_ns
