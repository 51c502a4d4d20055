"""Holds log records in bounded memory: when there are too many, the oldest go."""

import threading
from collections import Counter, deque
from collections.abc import Sequence

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogRecordMessage

from observatory.latecomers import Latecomers
from observatory.origin_sizes import OriginSizes
from observatory.protobuf import decode
from observatory.spans import Origins, Scope, exception_type


class LogRecord(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One log record.

    Attributes:
        time_ns: when it happened, or else when it was seen; nanoseconds since the epoch.
        severity: OTLP's severity number, 0 where there is none.
        trace_id: 16 bytes, or none.
        span_id: 8 bytes, or none.
        scope: where it came from.
        exception: type of the exception it carries; empty where it carries none.
        raw: the OTLP ``LogRecord``, serialised.
    """

    time_ns: int
    severity: int
    trace_id: bytes
    span_id: bytes
    scope: Scope
    exception: str
    raw: bytes

    @property
    def service(self) -> str:
        """Name of the service that sent it."""
        return self.scope.resource.service

    def message(self) -> LogRecordMessage:
        """Decode it: body, attributes and the rest."""
        return decode(LogRecordMessage, self.raw)


class LogStore:
    """Log records in memory, safe to use from many threads."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        """Make an empty store.

        Args:
            max_records: records held before the oldest are dropped.
            max_bytes: bytes of OTLP held before the oldest are dropped.
        """
        self.max_records, self.max_bytes = max_records, max_bytes
        self._lock = threading.Lock()
        self._latecomers = Latecomers()
        self._origins = Origins()
        self._records: deque[LogRecord] = deque()
        self._services: Counter[str] = Counter()
        self._origin_sizes = OriginSizes()
        self._bytes = self._received = self._dropped = 0

    def add(self, request: ExportLogsServiceRequest) -> int:
        """Take what an exporter sent.

        Returns:
            How many records were refused: none, ever. One without ids, or with wrong ones, is still worth reading.
        """
        with self._lock:
            for of_resource in request.resource_logs:
                for of_scope in of_resource.scope_logs:
                    scope = self._origins.scope(of_resource.resource, of_scope.scope)
                    for message in of_scope.log_records:
                        self._add_record(message, scope)
            while len(self._records) > self.max_records or self._bytes + self._origin_sizes.total > self.max_bytes:
                self._drop_oldest()
        return 0

    def _add_record(self, message: LogRecordMessage, scope: Scope) -> None:
        if self._latecomers.include(message.time_unix_nano or message.observed_time_unix_nano):
            self._dropped += 1
            return
        raw = message.SerializeToString()
        record = LogRecord(
            time_ns=message.time_unix_nano or message.observed_time_unix_nano,
            severity=message.severity_number,
            trace_id=message.trace_id if any(message.trace_id) else b"",
            span_id=message.span_id if any(message.span_id) else b"",
            scope=scope,
            exception=exception_type(message) if b"exception.type" in raw else "",
            raw=raw,
        )
        self._records.append(record)
        self._origin_sizes.add(scope)
        self._services[record.service] += 1
        self._received += 1
        self._bytes += len(record.raw)

    def _drop_oldest(self) -> None:
        record = self._records.popleft()
        self._bytes -= len(record.raw)
        self._origin_sizes.remove(record.scope)
        self._dropped += 1
        self._services[record.service] -= 1
        if not self._services[record.service]:
            del self._services[record.service]

    def clear(self, now_ns: int) -> int:
        """Drop everything that is held, and what is still on its way.

        Args:
            now_ns: the time, in nanoseconds since the epoch.

        Returns:
            How many records were held.
        """
        with self._lock:
            self._latecomers.begin(now_ns)
            records = len(self._records)
            self._dropped += records
            self._records.clear()
            self._services.clear()
            self._origin_sizes.clear()
            self._bytes = 0
            return records

    def records(self) -> Sequence[LogRecord]:
        """List the records held, in the order of their arrival."""
        with self._lock:
            return list(self._records)

    def counts(self) -> dict[str, int]:
        """Count what is held, was received and dropped."""
        with self._lock:
            return {
                "records": len(self._records),
                "bytes": self._bytes + self._origin_sizes.total,
                "receivedRecords": self._received,
                "droppedRecords": self._dropped,
                "maxRecords": self.max_records,
                "maxBytes": self.max_bytes,
            }

    def counts_by_service(self) -> dict[str, int]:
        """Count the records held of each service."""
        with self._lock:
            return dict(self._services)
