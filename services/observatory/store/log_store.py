"""Stores log records. Above its limits it drops the oldest."""

from collections import deque
from collections.abc import Sequence

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogRecordMessage

from observatory.store.origins import BoundedStore, Item, Scope, exception_type
from observatory.store.otlp import decode


class LogRecord(Item, frozen=True, eq=False, gc=False, kw_only=True):
    """One record; ``time_ns`` is its time, or else its observed time.

    ``severity`` is OTLP's number, 0 if unspecified. Ids may be empty. ``exception`` is its type, or empty.
    """

    time_ns: int
    severity: int
    exception: str

    def message(self) -> LogRecordMessage:
        """Decode the record."""
        return decode(LogRecordMessage, self.raw)


class LogStore(BoundedStore):
    """It refuses no record."""

    signal = "logs"

    def __init__(self, max_records: int, max_bytes: int) -> None:
        super().__init__(max_records, max_bytes)
        self._records: deque[LogRecord] = deque()

    def _add_item(self, message: LogRecordMessage, scope: Scope) -> None:
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
        self._count(scope, 1, len(raw))

    def _drop_oldest(self) -> None:
        record = self._records.popleft()
        self._count(record.scope, -1, len(record.raw))
        self._dropped += 1

    def clear(self, now_ns: int) -> int:
        """Drop all records, and from now on late ones from before; return their number."""
        with self._lock:
            records = self._items
            self._forget_all(now_ns)
            self._records.clear()
            return records

    def records(self) -> Sequence[LogRecord]:
        """List the records in order of arrival."""
        with self._lock:
            return list(self._records)

    def counts(self) -> dict[str, int]:
        """Count the stored, received and dropped records."""
        with self._lock:
            return {
                "records": self._items,
                "bytes": self._bytes,
                "receivedRecords": self._received,
                "droppedRecords": self._dropped,
                "maxRecords": self.max_items,
                "maxBytes": self.max_bytes,
            }
