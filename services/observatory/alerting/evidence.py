"""What rules judge: the traces of a window, taken apart in one pass over the light views."""

from collections.abc import Iterable, Sequence

from observatory.alerting.order_spans import (
    CONSUMER,
    PRODUCER,
    SERVER,
    http_status,
    is_handling,
    is_replay,
    is_request,
    is_send,
    request_of,
)
from observatory.log_store import LogRecord
from observatory.spans import Span
from observatory.trace_store import Trace


class Evidence:
    """The traces that began in a window: those whose entry span, the one that began first, lies in it.

    Attributes:
        now_ns: when it is asked, nanoseconds since the epoch.
        requests: requests to place an order.
        sends: orders that Kafka acknowledged, each with the request it belongs to; None where that is not held.
        exceptions: exceptions by trace id, each its type and when it was recorded, on a span or a log record.
    """

    def __init__(self, traces: Iterable[Trace], records: Iterable[LogRecord], *, since_ns: int, until_ns: int, now_ns: int) -> None:
        """Gather it.

        Args:
            traces: all that are held.
            records: all log records that are held.
            since_ns: begin of the window, which belongs to it.
            until_ns: end of the window, which belongs to it.
            now_ns: when it is asked.
        """
        self.now_ns = now_ns
        self.requests: list[Span] = []
        self.sends: list[tuple[Span, Span | None]] = []
        self.exceptions: dict[bytes, list[tuple[str, int]]] = {}
        self._handlings: dict[tuple[bytes, bytes], list[Span]] = {}
        self._replays: dict[tuple[bytes, bytes], list[Span]] = {}
        self._statuses: dict[Span, int | None] = {}
        trace_ids = set()
        for trace in traces:
            spans = list(trace.spans)  # it may grow meanwhile
            if since_ns <= self._begin_ns(spans) <= until_ns:
                trace_ids.add(trace.id)
                self._add(spans)
        for record in records:
            if record.exception and record.trace_id in trace_ids:
                self.exceptions.setdefault(record.trace_id, []).append((record.exception, record.time_ns))

    def _begin_ns(self, spans: Sequence[Span]) -> int:
        """Find the begin of a trace. What follows a send is kept of every trace: a linked one may begin after the window."""
        begin_ns = 2**64
        for span in spans:
            if span.start_ns < begin_ns:  # noqa: PLR1730 - min() would cost as much as the rest of this loop
                begin_ns = span.start_ns
            kind = span.kind
            if kind == CONSUMER and is_handling(span):
                self._handlings.setdefault((span.trace_id, span.parent_id), []).append(span)
                for link in span.links:
                    self._handlings.setdefault(link, []).append(span)
            elif kind == PRODUCER and is_replay(span):
                self._replays.setdefault((span.trace_id, span.parent_id), []).append(span)
        return begin_ns

    def _add(self, spans: Sequence[Span]) -> None:
        requests, sends = [], []
        for span in spans:
            kind = span.kind
            if kind == SERVER and is_request(span):
                requests.append(span)
            elif kind == PRODUCER and is_send(span):
                sends.append(span)
            for exception in span.exceptions:
                self.exceptions.setdefault(span.trace_id, []).append((exception, span.end_ns))
        self.requests += requests
        self.sends += [(send, request_of(send, requests, spans)) for send in sends]

    def handlings(self, send: Span) -> list[Span]:
        """List the processing that succeeded of a send, and of its replays: its children, and what links to it from any trace."""
        key = (send.trace_id, send.span_id)
        found = self._handlings.get(key, [])
        for replay in self._replays.get(key, ()):
            found = found + self._handlings.get((replay.trace_id, replay.span_id), [])
        return found

    def http_status(self, request: Span) -> int | None:
        """Read a request's status code, once however many rules ask."""
        if request not in self._statuses:
            self._statuses[request] = http_status(request)
        return self._statuses[request]
