"""Loads a corpus and its cases."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from vshop.corpus.otlp import Json, Signal, nanoseconds, rows
from vshop.incidents.incident import Incident
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.shop.spans import Span, any_value, attributes, read_spans
from vshop.shop.traces import Trace


class CorpusError(Exception):
    """A corpus cannot be written or read."""


class ExportFailedError(CorpusError):
    """An incident did not show what its file expects."""


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A log record; time in nanoseconds since the epoch, severity as OTLP's number."""

    service: str
    time_ns: int
    severity: int
    severity_text: str
    body: Any
    attributes: dict[str, Any]
    trace_id: str
    span_id: str


class Case:
    """One incident's or twin's telemetry and ground truth.

    ``id`` is the incident's, ``fault`` is False for a near-miss twin, ``pair_of`` is the id of its twin, or a twin's fault.
    ``title`` is the complaint as a user reports it, ``kind`` is ``incident`` or ``telemetry``.
    """

    def __init__(self, entry: Json, read: Callable[[str], bytes]) -> None:
        self.id: str = entry["id"]
        self.fault: bool = entry["fault"]
        self.pair_of: str | None = entry["pairOf"]
        self.title: str = entry["title"]
        self.kind: str = entry.get("kind", "incident")
        self._culprits = [one["spanId"] for one in entry["culprits"]]
        self._read = read

    def otlp(self, signal: Signal) -> Json:
        """Return ``traces``, ``logs`` or ``metrics`` as OTLP JSON."""
        return self._json(signal)

    @cached_property
    def jaeger(self) -> Json:
        """The traces as Jaeger's ``/api/traces`` returns them."""
        return self._json("jaeger")

    @cached_property
    def truth(self) -> Json:
        """The incident's file, the answers, and the culprit spans."""
        return self._json("truth")

    @cached_property
    def incident(self) -> Incident:
        """The incident's file."""
        return msgspec.convert(self.truth["incident"], Incident)

    @cached_property
    def telemetry_fault(self) -> TelemetryFault:
        """The telemetry fault's file."""
        return msgspec.convert(self.truth["telemetryFault"], TelemetryFault)

    @cached_property
    def traces(self) -> list[Trace]:
        """Its traces, sorted by start."""
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
        """The root cause's span of each judged order; none for a twin."""
        return [span for span in self.spans if span.span_id in self._culprits]

    @cached_property
    def logs(self) -> list[LogRecord]:
        """The log records of its traces."""
        return [
            LogRecord(
                service=row.service,
                time_ns=nanoseconds(row.item),
                severity=int(row.item.get("severityNumber", 0)),
                severity_text=row.item.get("severityText", ""),
                body=any_value(row.item["body"]) if row.item.get("body") else None,
                attributes=attributes(row.item.get("attributes")),
                trace_id=row.item.get("traceId", ""),
                span_id=row.item.get("spanId", ""),
            )
            for row in rows(self.otlp("logs"), "logs")
        ]

    def _json(self, name: str) -> Json:
        found: Json = msgspec.json.decode(self._read(f"{self.id}/{name}.json"))
        return found

    def __repr__(self) -> str:
        return f"<Case {self.id}>"


GOLDEN = Path(__file__).parent / "golden.zip"
"""Recorded with seed 1."""


class CaseFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of one case's folder."""

    id: str
    signals: dict[Signal, Json]
    truth: Json
    jaeger: Json = {}


class Corpus(Mapping[str, Case]):
    """Files are read on first use."""

    def __init__(self, index: Json, read: Callable[[str], bytes]) -> None:
        self.shop_version: str = index["shopVersion"]
        self.seed: int | None = index["seed"]
        self._cases = {entry["id"]: Case(entry, read) for entry in index["cases"]}

    @property
    def faults(self) -> list[Case]:
        """The incidents."""
        return [case for case in self.values() if case.fault]

    @property
    def twins(self) -> list[Case]:
        """Cases that look like a fault, and nothing is wrong."""
        return [case for case in self.values() if not case.fault]

    def __getitem__(self, incident_id: str) -> Case:
        return self._cases[incident_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._cases)

    def __len__(self) -> int:
        return len(self._cases)


def load_corpus(path: Path | str | None = None) -> Corpus:
    """Load a folder or zip that ``vshop export`` wrote, or the golden corpus."""
    where = GOLDEN if path is None else Path(path)

    def read(name: str) -> bytes:
        if where.is_dir():
            return (where / name).read_bytes()
        with zipfile.ZipFile(where) as archive:
            return archive.read(name)

    try:
        return Corpus(msgspec.json.decode(read("index.json")), read)
    except (OSError, KeyError, ValueError) as error:
        message = f"{where} holds no corpus ({type(error).__name__}: {error}). Record one with `vshop export --out DIR --seed 1`."
        raise CorpusError(message) from error
