"""Exports a corpus: records every incident on a new shop.

Every case is replayed into a fresh observatory and verified there, which also returns its Jaeger JSON.
"""

import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from vshop import __version__
from vshop.corpus.canonical import canonical
from vshop.corpus.loader import CaseFiles, CorpusError
from vshop.corpus.otlp import SIGNALS, Json, point_value, points, rows
from vshop.corpus.recorder import Recorder, require
from vshop.incidents import Incident, load_catalogue
from vshop.incidents.patterns import MetricMove
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.incidents.verify.expect_match import telemetry_checks
from vshop.incidents.verify.metric_match import Reading, metric_checks
from vshop.incidents.verify.observation import observe
from vshop.incidents.verify.outcome_match import answer_checks
from vshop.incidents.verify.value_match import mismatches
from vshop.incidents.verify.verdict import Check
from vshop.kit.http.session import http_session
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses
from vshop.shop.client import Placed, ShopClient
from vshop.shop.spans import attributes
from vshop.shop.traces import TraceReader

_TIMEOUT_S = 30


class _AllTimesReader(TraceReader):
    """The dates are fixed, and Jaeger searches the last two days by default."""

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        return [trace.trace_id for trace in self.find_traces(service, tags, begin=1)]


class Replayer:
    """Replays cases into a new observatory."""

    def __init__(self, observatory: Shop) -> None:
        where = Addresses(**observatory.client_addresses)
        self._otlp, self._query = observatory.addresses["otlp"], where.traces
        self._client, self._traces, self._session = ShopClient(where), _AllTimesReader(where.traces), http_session("vshop")

    def completed(self, case: CaseFiles) -> CaseFiles:
        """Send a case, verify an incident's as it is read back, and add its traces as Jaeger's JSON."""
        require(f"{case.id} was recorded, but does not verify when it is replayed.", self.verify(case))
        found = []
        for trace_id in dict.fromkeys(trace["traceId"] for trace in case.truth["traces"]):
            answer = self._session.get(f"{self._query}/api/traces/{trace_id}", timeout=_TIMEOUT_S)
            answer.raise_for_status()
            found.append(answer.json()["data"][0])
        return msgspec.structs.replace(case, jaeger={"data": found, "total": len(found), "limit": 0, "offset": 0, "errors": None})

    def verify(self, case: CaseFiles) -> list[Check]:
        """Send a case, read it back, and return an incident's checks."""
        for signal in SIGNALS:
            answer = self._session.post(f"{self._otlp}/v1/{signal}", json=case.signals[signal], timeout=_TIMEOUT_S)
            answer.raise_for_status()
        return _check_case(case, self._client, self._traces) if "incident" in case.truth else []


Watch = Callable[[int, Incident | TelemetryFault], None]
"""Called before each recording."""


def export(
    incidents: Sequence[Incident],
    out: Path,
    seed: int | None = None,
    watch: Watch = lambda _number, _incident: None,
    telemetry_faults: Sequence[TelemetryFault] = (),
) -> None:
    """Record incidents on a new shop into a new or empty folder; a seed makes them canonical. Raises CorpusError.

    Telemetry faults are recorded as they are, not with a seed.
    """
    if seed is not None and telemetry_faults:
        raise CorpusError("Telemetry faults cannot be recorded with a seed. Leave out --seed.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CorpusError(f"{out} is not empty. Name an empty or new folder.")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vshop-export-", ignore_cleanup_errors=True) as folder:
        recorded = _record(incidents, Path(folder), seed, watch, telemetry_faults)
        with Shop.start(Options(free_ports=True, home=f"{folder}/replay", parts=("observatory",))) as observatory:
            replayer = Replayer(observatory)
            entries = [_write_case(out, replayer.completed(case)) for case in recorded]
    _write(out / "index.json", {"schemaVersion": "1", "shopVersion": __version__, "seed": seed, "cases": entries})


def _record(
    incidents: Sequence[Incident], folder: Path, seed: int | None, watch: Watch, faults: Sequence[TelemetryFault]
) -> list[CaseFiles]:
    signals = folder / "signals"
    options = Options(free_ports=True, home=str(folder / "shop"), env={"SHOP_EXPORT_DIR": str(signals)})
    found = []
    with Shop.start(options) as shop:
        where = Addresses(**shop.client_addresses)
        recorder = Recorder(ShopClient(where), TraceReader(where.traces), signals)
        hours = {name: number for number, name in enumerate(load_catalogue())}
        for number, incident in enumerate(incidents):
            watch(number, incident)
            case = recorder.record(incident)
            found.append(case if seed is None else canonical(case, seed, hours[incident.id], shop.state.ports))
        for number, fault in enumerate(faults, len(incidents)):
            watch(number, fault)
            found.append(recorder.record_altered(fault))
    return found


def _write_case(out: Path, case: CaseFiles) -> Json:
    """Write the files of a case; return its entry in the index."""
    (out / case.id).mkdir()
    for name, content in (*case.signals.items(), ("jaeger", case.jaeger), ("truth", case.truth)):
        _write(out / case.id / f"{name}.json", content)
    incident = case.truth.get("incident") or {"fault": True, **case.truth["telemetryFault"]}
    return {
        "id": case.id,
        **({"kind": "telemetry"} if "telemetryFault" in case.truth else {}),
        "fault": incident["fault"],
        "pairOf": incident.get("pairOf"),
        "title": incident["title"],
        "scope": case.truth["scope"],
        "traceIds": list(dict.fromkeys(one["traceId"] for one in case.truth["traces"])),
        "culprits": case.truth["culprits"],
    }


@contextmanager
def as_zip(file: Path) -> Iterator[Path]:
    """Yield a folder and pack its JSON files into a zip, whose bytes depend only on their content."""
    if file.exists():
        raise CorpusError(f"{file} exists. Remove it, or name another file.")
    with tempfile.TemporaryDirectory(prefix="vshop-corpus-") as folder:
        yield Path(folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(Path(folder).rglob("*.json")):
                entry = zipfile.ZipInfo(str(path.relative_to(folder)))  # always dated 1980
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def _write(path: Path, content: Any) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


def _check_case(case: CaseFiles, shop: ShopClient, traces: TraceReader) -> list[Check]:
    incident = msgspec.convert(case.truth["incident"], Incident)
    orders = [msgspec.convert(order, Placed) for order in case.truth["orders"] if order["judged"]]
    observations = [observe(order, traces, shop) for order in orders]
    moves, metrics = incident.expect.metrics, case.signals["metrics"]
    return [
        *answer_checks(incident.symptom, orders),
        *telemetry_checks(incident.expect, observations),
        *metric_checks(moves, _readings(moves, metrics, 0), _readings(moves, metrics, -1)),
    ]


def _readings(moves: Sequence[MetricMove], metrics: Json, index: int) -> list[Reading]:
    """At the first points (index 0) or the last (-1)."""
    found = [(row, points(row.item)[1][index]) for row in rows(metrics, "metrics")]
    values = [
        sum(
            point_value(point)
            for row, point in found
            if row.item["name"] == move.name
            and move.service in {None, row.service}
            and not mismatches(move.attributes, attributes(point.get("attributes")))
        )
        for move in moves
    ]
    return [Reading(value, value) for value in values]
