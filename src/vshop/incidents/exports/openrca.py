"""Ground truth in the shape of OpenRCA: ``record.csv`` and ``query.csv``, scored by its ``main/evaluate.py``.

https://github.com/microsoft/OpenRCA: a query names a time range and the number of failures in it, and asks for some of
"root cause occurrence datetime, component, reason"; seven tasks are the seven selections of these three. Times are UTC.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from vshop.incidents.incident import Incident
from vshop.incidents.runs import Run

_TASKS = (("time",), ("reason",), ("component",), ("time", "reason"), ("time", "component"), ("component", "reason"))
TASKS = {f"task_{number}": asked for number, asked in enumerate((*_TASKS, ("component", "time", "reason")), 1)}
_ASKED = {"time": "root cause occurrence datetime", "component": "root cause component", "reason": "root cause reason"}
_POINTS = {
    "time": "The {which} root cause occurrence time is within 1 minutes (i.e., <=1min) of {value}",
    "component": "The {which} predicted root cause component is {value}",
    "reason": "The {which} predicted root cause reason is {value}",
}
_APART_S = 60.0


def write(folder: Path, runs: Sequence[Run], catalogue: Mapping[str, Incident]) -> list[Path]:
    """Write the two files.

    Args:
        folder: where to; it is made.
        runs: the faults that were on.
        catalogue: the incidents by id.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record, query = folder / "record.csv", folder / "query.csv"
    with record.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["level", "component", "timestamp", "datetime", "reason"])
        rows.writerows(_record(run, catalogue[run.incident]) for run in runs)
    with query.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["task_index", "instruction", "scoring_points"])
        for window in _windows(runs):
            for task, asked in TASKS.items():
                rows.writerow([task, _instruction(window, asked), _points(window, asked, catalogue)])
    return [record, query]


def _record(run: Run, incident: Incident) -> list[str | int]:
    facts = _facts(run, incident)
    return ["service", facts["component"], int(run.injected_at), facts["time"], facts["reason"]]


def _facts(run: Run, incident: Incident) -> dict[str, str]:
    cause = incident.root_cause
    component, reason = (cause.service, cause.reason) if cause is not None else ("", "")
    return {"time": _moment(run.injected_at), "component": component, "reason": reason}


def _windows(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Put runs together that are less than a minute apart: a time range is not narrower than what is scored as the same time."""
    window: list[Run] = []
    for run in sorted(runs, key=lambda one: one.injected_at):
        if window and run.injected_at - (window[-1].recovered_at or window[-1].injected_at) >= _APART_S:
            yield window
            window = []
        window.append(run)
    if window:
        yield window


def _instruction(window: Sequence[Run], asked: Sequence[str]) -> str:
    begin = window[0].injected_at // 60 * 60 - 60
    end = max(run.recovered_at or run.injected_at for run in window) // 60 * 60 + 120
    failures = "one failure" if len(window) == 1 else f"{len(window)} failures"
    wanted = " and the ".join(_ASKED[one] for one in asked)
    return (
        f"Between {_moment(begin)} and {_moment(end)} (UTC) the virtual shop experienced {failures}. "
        f"You are tasked with identifying the {wanted}{' of each' if len(window) > 1 else ''}."
    )


def _points(window: Sequence[Run], asked: Sequence[str], catalogue: Mapping[str, Incident]) -> str:
    lines = []
    for number, run in enumerate(window, 1):
        facts = _facts(run, catalogue[run.incident])
        which = "only" if len(window) == 1 else f"{number}-th"
        lines += [_POINTS[one].format(which=which, value=facts[one]) for one in asked]
    return "\n".join(lines) + "\n"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")
