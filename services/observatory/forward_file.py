"""Writes what was received to files, one OTLP JSON object a line, as the OpenTelemetry file exporter does.

https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/
"""

import json
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory.forward_target import Batch
from observatory.otlp_encode import as_dict
from observatory.protobuf import decode

_KINDS: dict[str, type[Any]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


class FileTransport:
    """Appends to ``traces.jsonl``, ``logs.jsonl`` and ``metrics.jsonl`` of a folder."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: made when the first line is written."""
        self.name = str(folder)
        self._folder = folder

    def send(self, batch: Batch) -> int:
        """Append one line; each is whole, whenever it is read."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # A request and the file exporter's TracesData, LogsData or MetricsData have the same fields.
        line = json.dumps(as_dict(decode(_KINDS[batch.signal], batch.body)), ensure_ascii=False, separators=(",", ":"))
        with (self._folder / f"{batch.signal}.jsonl").open("ab") as file:
            file.write(line.encode("utf-8", "backslashreplace") + b"\n")
        return 0

    def close(self) -> None:
        """Nothing stays open."""
