"""Stores log records. Above its limits it drops the oldest."""

from collections import Counter, deque
from collections.abc import Sequence

import msgspec
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogRecordMessage

from observatory.store.origins import BoundedStore, Scope, exception_type
from observatory.store.otlp import decode


class LogRecord(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One record; ``time_ns`` is its time, or else its observed time.

    ``severity`` is OTLP's number, 0 if unspecified. Ids may be empty. ``exception`` is its type, or empty. ``raw`` is OTLP.
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
        """Service name."""
        return self.scope.resource.service

    def message(self) -> LogRecordMessage:
        """Decode the record."""
        return decode(LogRecordMessage, self.raw)


class LogStore(BoundedStore):
    """A thread-safe store; ``max_bytes`` of OTLP."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self.max_records = max_records
        self._records: deque[LogRecord] = deque()
        self._services: Counter[str] = Counter()

    def add(self, request: ExportLogsServiceRequest) -> int:
        """Add a request; return 0, since no record is refused."""
        with self._lock:
            for message, scope in self._items(request.resource_logs, "scope_logs", "log_records"):
                self._add_record(message, scope)
            while len(self._records) > self.max_records or self._total_bytes > self.max_bytes:
                self._drop_oldest()
        return 0

    def _add_record(self, message: LogRecordMessage, scope: Scope) -> None:
        time_ns = message.time_unix_nano or message.observed_time_unix_nano
        self._received += 1
        if self._is_late(time_ns):
            self._dropped += 1
            return
        raw = message.SerializeToString()
        record = LogRecord(
            time_ns=time_ns,
            severity=message.severity_number,
            trace_id=message.trace_id if any(message.trace_id) else b"",
            span_id=message.span_id if any(message.span_id) else b"",
            scope=scope,
            exception=exception_type(message.attributes) if b"exception.type" in raw else "",
            raw=raw,
        )
        self._records.append(record)
        self._origins.count(scope, 1)
        self._services[record.service] += 1
        self._bytes += len(raw)

    def _drop_oldest(self) -> None:
        record = self._records.popleft()
        self._bytes -= len(record.raw)
        self._origins.count(record.scope, -1)
        self._services[record.service] -= 1
        if not self._services[record.service]:
            del self._services[record.service]
        self._dropped += 1

    def clear(self, now_ns: int) -> int:
        """Drop all records, and from now on late ones from before; return their number."""
        with self._lock:
            self._cleared_ns = now_ns
            records = len(self._records)
            self._dropped += records
            self._records.clear()
            self._services.clear()
            self._origins.clear()
            self._bytes = 0
            return records

    def records(self) -> Sequence[LogRecord]:
        """List the records in order of arrival."""
        with self._lock:
            return list(self._records)

    def counts(self) -> dict[str, int]:
        """Count the stored, received and dropped records."""
        with self._lock:
            return {
                "records": len(self._records),
                "bytes": self._total_bytes,
                "receivedRecords": self._received,
                "droppedRecords": self._dropped,
                "maxRecords": self.max_records,
                "maxBytes": self.max_bytes,
            }

    def counts_by_service(self) -> dict[str, int]:
        """Count the stored records of each service."""
        with self._lock:
            return dict(self._services)
