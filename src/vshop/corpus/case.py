"""One case of a corpus, as it is read."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import msgspec

from vshop.corpus.otlp import Json, Signal, nanoseconds, rows
from vshop.incidents.incident import Incident
from vshop.spans import Span, attributes, read_spans
from vshop.traces import Trace


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One log record; its time is in nanoseconds since the epoch, its severity OTLP's number (9 INFO, 13 WARN, 17 ERROR)."""

    service: str
    time_ns: int
    severity: int
    severity_text: str
    body: Any
    attributes: dict[str, Any]
    trace_id: str
    span_id: str


class Case:
    """What was seen of one incident, or of its twin, and what is true of it."""

    def __init__(self, entry: Json, read: Callable[[str], bytes]) -> None:
        """Args: entry: its entry in the index. read: reads one of its files."""
        self._entry = entry
        self._read = read

    @property
    def id(self) -> str:
        """The incident's id."""
        return str(self._entry["id"])

    @property
    def fault(self) -> bool:
        """Whether something is wrong; False for a near-miss twin."""
        return bool(self._entry["fault"])

    @property
    def pair_of(self) -> str | None:
        """The other one of a fault and its twin."""
        return self._entry.get("pairOf")

    @property
    def title(self) -> str:
        """The complaint, as it reaches you; it gives nothing away."""
        return str(self._entry["title"])

    def otlp(self, signal: Signal) -> Json:
        """Return ``traces``, ``logs`` or ``metrics`` as OTLP's JSON: fit to be posted to ``/v1/<signal>`` of any receiver."""
        return self._json(signal)

    @cached_property
    def jaeger(self) -> Json:
        """The traces as Jaeger's ``/api/traces`` answers: ``{"data": [trace, …]}``."""
        return self._json("jaeger")

    @cached_property
    def truth(self) -> Json:
        """The ground truth: the incident's file, the orders and their answers, the culprit spans."""
        return self._json("truth")

    @cached_property
    def incident(self) -> Incident:
        """The incident's file."""
        return msgspec.convert(self.truth["incident"], Incident)

    @cached_property
    def traces(self) -> list[Trace]:
        """Its traces, in the order in which they began."""
        found: dict[str, list[Span]] = {}
        for span in read_spans({"result": self.otlp("traces")}):
            found.setdefault(span.trace_id, []).append(span)
        return [Trace(trace_id, spans) for trace_id, spans in found.items()]

    @property
    def spans(self) -> list[Span]:
        """The spans of all its traces."""
        return [span for trace in self.traces for span in trace.spans]

    @property
    def culprits(self) -> list[Span]:
        """The spans that are the root cause, one for each judged order; none in a twin."""
        wanted = [one["spanId"] for one in self._entry["culprits"]]
        return [span for span in self.spans if span.span_id in wanted]

    @cached_property
    def logs(self) -> list[LogRecord]:
        """The log records of its traces."""
        return [
            LogRecord(
                service=row.service,
                time_ns=nanoseconds(row.item),
                severity=int(row.item.get("severityNumber", 0)),
                severity_text=row.item.get("severityText", ""),
                body=attributes([{"key": "body", "value": row.item["body"]}])["body"] if row.item.get("body") else None,
                attributes=attributes(row.item.get("attributes", [])),
                trace_id=row.item.get("traceId", ""),
                span_id=row.item.get("spanId", ""),
            )
            for row in rows(self.otlp("logs"), "logs")
        ]

    def _json(self, name: str) -> Json:
        found: Json = msgspec.json.decode(self._read(f"{self.id}/{name}.json"))
        return found

    def __repr__(self) -> str:
        """Name it."""
        return f"<Case {self.id}>"
