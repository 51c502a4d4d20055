"""Runs in the shape of RCAEval: ``<service>_<fault>/<n>/`` with ``inject_time.txt``, ``data.csv``, ``traces.csv``, ``logs.csv``.

https://github.com/phamquiluan/RCAEval: the folder's name is the label, so neither part of it may hold an underscore.
``inject_time.txt`` is in seconds since the epoch, ``startTime`` and ``duration`` of a span in microseconds.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vshop.incidents.exports.metric_table import metric_table
from vshop.incidents.incident import Incident
from vshop.incidents.runs import Run

BEFORE_S = 120
AFTER_S = 30

_NOT_THE_SHOPS = "otel.sdk."
"""What the telemetry SDK tells of itself says nothing of the shop."""
_SPAN_COLUMNS = (
    "traceID",
    "spanID",
    "parentSpanID",
    "serviceName",
    "methodName",
    "operationName",
    "startTime",
    "duration",
    "statusCode",
)
_LOG_COLUMNS = ("time", "timestamp", "container_name", "level", "message", "traceID", "spanID")


class Telemetry(msgspec.Struct, frozen=True):
    """What is held of a time: series and log records as the observatory gives them, spans as rows of ``traces.csv``."""

    metrics: list[dict[str, Any]]
    logs: list[dict[str, Any]]
    spans: list[dict[str, Any]]


def window(run: Run, now: float) -> tuple[float, float]:
    """Return from when to when a run's data reach: a while before it was switched on, and after it was switched off."""
    return run.injected_at - BEFORE_S, min(now, (run.recovered_at or now) + AFTER_S)


def held(runs: Sequence[Run], telemetry: Telemetry) -> list[Run]:
    """Leave out the runs that began before the oldest metric point: of them there would be only zeros."""
    oldest = min((point["time"] / 1e6 for one in telemetry.metrics for point in one["points"]), default=float("inf"))
    return [run for run in runs if run.injected_at > oldest]


def write(folder: Path, runs: Sequence[Run], catalogue: Mapping[str, Incident], telemetry: Telemetry, now: float) -> list[Path]:
    """Write a folder for each run.

    Args:
        folder: where to; it is made.
        runs: the faults that were on.
        catalogue: the incidents by id.
        telemetry: what was held, of all runs together.
        now: seconds since the epoch; data of a run that is still on end here.

    Returns:
        The folders.
    """
    cases: list[Path] = []
    for run in runs:
        cause = catalogue[run.incident].root_cause
        label = f"{cause.service if cause else ''}_{run.incident}"
        case = folder / label / str(1 + sum(other.parent.name == label for other in cases))
        case.mkdir(parents=True, exist_ok=True)
        (case / "inject_time.txt").write_text(f"{int(run.injected_at)}\n", encoding="utf-8")
        begin, end = window(run, now)
        series = [one for one in telemetry.metrics if not one["name"].startswith(_NOT_THE_SHOPS)]
        names, rows = metric_table(series, int(begin), int(end))
        _write(case / "data.csv", names, ([int(row[0]), *row[1:]] for row in rows))
        _write(case / "traces.csv", _SPAN_COLUMNS, _spans(telemetry.spans, begin, end))
        _write(case / "logs.csv", _LOG_COLUMNS, _logs(telemetry.logs, begin, end))
        cases.append(case)
    return cases


def _spans(spans: Iterable[Mapping[str, Any]], begin: float, end: float) -> Iterable[list[Any]]:
    return ([span[name] for name in _SPAN_COLUMNS] for span in spans if begin <= span["startTime"] / 1e6 <= end)


def _logs(records: Iterable[Mapping[str, Any]], begin: float, end: float) -> Iterable[list[Any]]:
    for record in records:
        if begin <= record["timestamp"] / 1e6 <= end:
            nanoseconds = record["timestamp"] * 1000
            text, ids = str(record["body"]), (record["traceId"], record["spanId"])
            yield [record["timestamp"] // 1_000_000, nanoseconds, record["service"], record["severity"], text, *ids]


def _write(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
