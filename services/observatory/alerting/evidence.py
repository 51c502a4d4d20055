"""What alert rules read, collected in one pass without decoding spans."""

from collections.abc import Container, Iterable, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from observatory.store.log_store import LogRecord
from observatory.store.trace_store import STATUS_ERROR, Span, Trace
from vshop.kit.telemetry import SHOP_SERVICES
from vshop.kit.telemetry.dialects import SPELLINGS

_SERVER, _PRODUCER, _CONSUMER = 2, 4, 5

_STATUS = ("http.response.status_code", SPELLINGS["http"]["http.response.status_code"])
# These bytes are not UTF-8, so only this attribute contains them.
_ACCEPTED = tuple(KeyValue(key=name, value=AnyValue(int_value=202)).SerializeToString() for name in _STATUS)


class Evidence:
    """The traces whose earliest span started in a window.

    ``sends``: orders that Kafka acknowledged, with their requests. ``exceptions``: type and time, by trace id.
    """

    def __init__(
        self,
        traces: Iterable[Trace],
        records: Iterable[LogRecord],
        *,
        since_ns: int,
        until_ns: int,
        now_ns: int,
        only: Container[bytes] | None = None,
    ) -> None:
        """Collect the evidence of a window, both ends inclusive; of all traces, or of those in ``only``."""
        self.now_ns = now_ns
        self.requests: list[Span] = []
        self.sends: list[tuple[Span, Span | None]] = []
        self.exceptions: dict[bytes, list[tuple[str, int]]] = {}
        self._processing: dict[tuple[bytes, bytes], list[Span]] = {}
        self._replays: dict[tuple[bytes, bytes], list[Span]] = {}
        self._statuses: dict[Span, int | None] = {}
        trace_ids = set()
        for trace in traces:
            spans = list(trace.spans)  # the trace may grow during the evaluation
            if since_ns <= self._index(spans) <= until_ns and (only is None or trace.id in only):
                trace_ids.add(trace.id)
                self._add(spans)
        for record in records:
            if record.exception and record.trace_id in trace_ids and record.service in SHOP_SERVICES:
                self.exceptions.setdefault(record.trace_id, []).append((record.exception, record.time_ns))

    def _index(self, spans: Sequence[Span]) -> int:
        start_ns = 2**64
        for span in spans:
            if span.start_ns < start_ns:  # noqa: PLR1730 - min() is slow
                start_ns = span.start_ns
            kind = span.kind
            if kind == _CONSUMER and _is_processing(span):
                self._processing.setdefault((span.trace_id, span.parent_id), []).append(span)
                for link in span.links:
                    self._processing.setdefault(link, []).append(span)
            elif kind == _PRODUCER and _is_send(span, "stock-updater"):
                self._replays.setdefault((span.trace_id, span.parent_id), []).append(span)
        return start_ns

    def _add(self, spans: Sequence[Span]) -> None:
        requests, sends = [], []
        for span in spans:
            kind = span.kind
            if kind == _SERVER and span.name == "POST /orders" and span.service == "orders":
                requests.append(span)
            elif kind == _PRODUCER and _is_send(span, "orders"):
                sends.append(span)
            for exception in span.exceptions if span.service in SHOP_SERVICES else ():
                self.exceptions.setdefault(span.trace_id, []).append((exception, span.end_ns))
        self.requests += requests
        self.sends += [(send, _request_of(send, requests, spans)) for send in sends]

    def processing_of(self, send: Span) -> list[Span]:
        """Return an order's successful processing: children of the send or its replays, or linked to them."""
        key = (send.trace_id, send.span_id)
        found = self._processing.get(key, [])
        for replay in self._replays.get(key, ()):
            found = found + self._processing.get((replay.trace_id, replay.span_id), [])
        return found

    def http_status(self, request: Span) -> int | None:
        """Return a request's status code."""
        if request not in self._statuses:
            self._statuses[request] = _http_status(request)
        return self._statuses[request]


def _is_send(span: Span, service: str) -> bool:
    return (
        span.status != STATUS_ERROR and span.name.startswith("send ") and not span.name.endswith(".dlq") and span.service == service
    )


def _is_processing(span: Span) -> bool:
    return span.status != STATUS_ERROR and span.name.startswith("process ") and span.service == "stock-updater"


def _request_of(send: Span, requests: Sequence[Span], spans: Sequence[Span]) -> Span | None:
    for request in requests:
        if request.span_id == send.parent_id:
            return request
    by_id = {span.span_id: span for span in spans}
    span: Span | None = send
    while span is not None and span not in requests:
        span = by_id.pop(span.parent_id, None)  # removed, because parents may form a cycle
    return span


def _http_status(span: Span) -> int | None:
    if any(accepted in span.raw for accepted in _ACCEPTED):
        return 202
    # The status is among the last attributes.
    for item in reversed(span.message().attributes):
        if item.key in _STATUS:
            return int(item.value.int_value)
    return None
