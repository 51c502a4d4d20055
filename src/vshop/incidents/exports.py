"""Exports ground truth and telemetry of runs in the formats of two benchmarks.

RCAEval (https://github.com/phamquiluan/RCAEval): the folder ``<service>_<fault>/<n>/`` holds ``inject_time.txt`` (seconds since
the epoch), ``data.csv``, ``traces.csv`` (microseconds) and ``logs.csv``. Its name is the label; no part can contain an underscore.

OpenRCA (https://github.com/microsoft/OpenRCA): ``record.csv`` and ``query.csv``, scored by its ``main/evaluate.py``. A query names
a time range (UTC) and the number of failures in it, and asks for some of "root cause occurrence datetime, component, reason".
Seven tasks are the seven selections of these three.
"""

import bisect
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from vshop.incidents.incident import Incident
from vshop.incidents.scoring import IncidentRun
from vshop.shop.spans import Span

BEFORE_S = 120
AFTER_S = 30

_NOT_THE_SHOPS = "otel.sdk."
_SPAN_COLUMNS: dict[str, Callable[[Span], Any]] = {
    "traceID": lambda span: span.trace_id,
    "spanID": lambda span: span.span_id,
    "parentSpanID": lambda span: span.parent_id or "",
    "serviceName": lambda span: span.service,
    "methodName": lambda span: span.name,
    "operationName": lambda span: span.name,
    "startTime": lambda span: span.start_ns // 1000,
    "duration": lambda span: (span.end_ns - span.start_ns) // 1000,
    "statusCode": lambda span: span.stable.get("http.response.status_code", 2 if span.status == "ERROR" else 0),
}
_LOG_COLUMNS = ("time", "timestamp", "container_name", "level", "message", "traceID", "spanID")


class Telemetry(msgspec.Struct, frozen=True):
    """Series and log records as from the observatory, and spans."""

    metrics: list[dict[str, Any]]
    logs: list[dict[str, Any]]
    spans: list[Span]


def window(run: IncidentRun, now: float) -> tuple[float, float]:
    """Return begin and end of a run's data, with a margin."""
    return run.injected_at - BEFORE_S, min(now, (run.recovered_at or now) + AFTER_S)


def held(runs: Sequence[IncidentRun], telemetry: Telemetry) -> list[IncidentRun]:
    """Leave out runs that began before the oldest metric point."""
    oldest = min((point["time"] / 1e6 for one in telemetry.metrics for point in one["points"]), default=float("inf"))
    return [run for run in runs if run.injected_at > oldest]


def write_rcaeval(
    folder: Path, runs: Sequence[IncidentRun], catalogue: Mapping[str, Incident], telemetry: Telemetry, now: float
) -> list[Path]:
    """Write a folder for each run in RCAEval's format; ``now`` ends a run that is still on."""
    series = [one for one in telemetry.metrics if not one["name"].startswith(_NOT_THE_SHOPS)]
    cases: list[Path] = []
    for run in runs:
        label = f"{_facts(run, catalogue)['component']}_{run.incident}"
        case = folder / label / str(1 + sum(other.parent.name == label for other in cases))
        case.mkdir(parents=True, exist_ok=True)
        (case / "inject_time.txt").write_text(f"{int(run.injected_at)}\n", encoding="utf-8")
        begin, end = window(run, now)
        names, rows = metric_table(series, int(begin), int(end))
        _write_csv(case / "data.csv", names, ([int(row[0]), *row[1:]] for row in rows))
        spans = [span for span in telemetry.spans if begin <= span.start_ns / 1e9 <= end]
        _write_csv(case / "traces.csv", [*_SPAN_COLUMNS], ([read(span) for read in _SPAN_COLUMNS.values()] for span in spans))
        logs = [record for record in telemetry.logs if begin <= record["timestamp"] / 1e6 <= end]
        _write_csv(case / "logs.csv", _LOG_COLUMNS, map(_log, logs))
        cases.append(case)
    return cases


def _log(record: Mapping[str, Any]) -> list[Any]:
    time_us, text = record["timestamp"], str(record["body"])
    return [time_us // 1_000_000, time_us * 1000, record["service"], record["severity"], text, record["traceId"], record["spanId"]]


def _write_csv(path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])


Cells = dict[int, float]


def metric_table(series: Iterable[Mapping[str, Any]], begin: int, end: int) -> tuple[list[str], list[list[float]]]:
    """Turn metric series (µs) into RCAEval's table: a row for each second, a column ``<service>_<metric>``.

    Cumulative counters and histograms become their increase in each second. A histogram has a second column (``-mean``). ``begin``
    and ``end`` are seconds since the epoch, both included.
    """
    columns: dict[str, Cells] = {}
    sums: dict[str, Cells] = {}
    for one in series:
        name, histogram = f"{one['service']}_{str(one['name']).replace('_', '-')}", one["type"] == "histogram"
        read = _held if one["type"] == "gauge" else _risen
        columns[name] = _added(columns.get(name), read(one["points"], "count" if histogram else "value", begin, end))
        if histogram:
            sums[name] = _added(sums.get(name), _risen(one["points"], "sum", begin, end))
    for name, total in sums.items():
        counts = columns[name]
        columns[f"{name}-mean"] = {second: total[second] / counts[second] if counts[second] else 0.0 for second in total}
    names = sorted(columns)
    rows = [[float(second), *(columns[name].get(second, 0.0) for name in names)] for second in range(begin, end + 1)]
    return ["time", *names], rows


def _added(column: Cells | None, more: Cells) -> Cells:
    return more if column is None else {second: column[second] + value for second, value in more.items()}


def _held(points: Iterable[Mapping[str, Any]], measure: str, begin: int, end: int) -> Cells:
    values = sorted((int(point["time"] // 1_000_000), float(point.get(measure) or 0)) for point in points)
    counts = ((second, bisect.bisect_right(values, second, key=lambda value: value[0])) for second in range(begin, end + 1))
    return {second: values[count - 1][1] if count else 0.0 for second, count in counts}


def _risen(points: Iterable[Mapping[str, Any]], measure: str, begin: int, end: int) -> Cells:
    held = _held(points, measure, begin - 1, end)
    return {second: max(0.0, held[second] - held[second - 1]) for second in range(begin, end + 1)}


_TASKS = (("time",), ("reason",), ("component",), ("time", "reason"), ("time", "component"), ("component", "reason"))
TASKS = {f"task_{number}": asked for number, asked in enumerate((*_TASKS, ("component", "time", "reason")), 1)}
_ASKED = {"time": "root cause occurrence datetime", "component": "root cause component", "reason": "root cause reason"}
_POINTS = {
    "time": "The {which} root cause occurrence time is within 1 minutes (i.e., <=1min) of {value}",
    "component": "The {which} predicted root cause component is {value}",
    "reason": "The {which} predicted root cause reason is {value}",
}
_APART_S = 60.0


def write_openrca(folder: Path, runs: Sequence[IncidentRun], catalogue: Mapping[str, Incident]) -> list[Path]:
    """Write ``record.csv`` and ``query.csv`` in OpenRCA's format, and return them."""
    folder.mkdir(parents=True, exist_ok=True)
    record, query = folder / "record.csv", folder / "query.csv"
    facts = [(run, _facts(run, catalogue)) for run in runs]
    records = (["service", one["component"], int(run.injected_at), one["time"], one["reason"]] for run, one in facts)
    _write_csv(record, ["level", "component", "timestamp", "datetime", "reason"], records)
    queries = (
        [task, _instruction(window, asked), _points(window, asked, catalogue)]
        for window in _windows(runs)
        for task, asked in TASKS.items()
    )
    _write_csv(query, ["task_index", "instruction", "scoring_points"], queries)
    return [record, query]


def _facts(run: IncidentRun, catalogue: Mapping[str, Incident]) -> dict[str, str]:
    cause = catalogue[run.incident].root_cause
    component, reason = (cause.service, cause.reason) if cause is not None else ("", "")
    return {"time": _moment(run.injected_at), "component": component, "reason": reason}


def _windows(runs: Sequence[IncidentRun]) -> Iterator[list[IncidentRun]]:
    """OpenRCA scores times less than a minute apart as equal."""
    window: list[IncidentRun] = []
    for run in sorted(runs, key=lambda one: one.injected_at):
        if window and run.injected_at - (window[-1].recovered_at or window[-1].injected_at) >= _APART_S:
            yield window
            window = []
        window.append(run)
    if window:
        yield window


def _instruction(window: Sequence[IncidentRun], asked: Sequence[str]) -> str:
    begin = window[0].injected_at // 60 * 60 - 60
    end = max(run.recovered_at or run.injected_at for run in window) // 60 * 60 + 120
    failures = "one failure" if len(window) == 1 else f"{len(window)} failures"
    wanted = " and the ".join(_ASKED[one] for one in asked)
    return (
        f"Between {_moment(begin)} and {_moment(end)} (UTC) the virtual shop experienced {failures}. "
        f"You are tasked with identifying the {wanted}{' of each' if len(window) > 1 else ''}."
    )


def _points(window: Sequence[IncidentRun], asked: Sequence[str], catalogue: Mapping[str, Incident]) -> str:
    lines = []
    for number, run in enumerate(window, 1):
        facts = _facts(run, catalogue)
        which = "only" if len(window) == 1 else f"{number}-th"
        lines += [_POINTS[one].format(which=which, value=facts[one]) for one in asked]
    return "\n".join(lines) + "\n"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")
