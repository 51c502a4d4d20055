"""Runs: what the chaos board's journal tells of incidents that were on, from when to when."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from vshop.incidents.incident import Incident


class Run(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One time that an incident was on for everybody.

    Attributes:
        id: ``r`` and the revision with which it was switched on: it tells nothing about the incident.
        incident: the incident's id.
        injected_at: when it was switched on, in seconds since the epoch.
        recovered_at: when it was switched off; None while it is on.
    """

    id: str
    incident: str
    injected_at: float
    recovered_at: float | None = None


def runs(journal: Iterable[Mapping[str, Any]], catalogue: Mapping[str, Incident], *, twins: bool = False) -> list[Run]:
    """Read runs from a journal, in the order in which they began.

    Args:
        journal: its lines, the oldest first.
        catalogue: the incidents by id; lines of others are passed over.
        twins: whether near-miss twins are runs too; else only faults are.
    """
    found: list[Run] = []
    open_runs: dict[str, int] = {}
    for line in journal:
        incident = catalogue.get(line["incident"])
        if incident is None or not (incident.fault or twins):
            continue
        at = datetime.fromisoformat(line["time"]).astimezone(UTC).timestamp()
        index = open_runs.pop(incident.id, None)
        if index is not None:
            found[index] = msgspec.structs.replace(found[index], recovered_at=at)
        if line["state"] == "on":
            open_runs[incident.id] = len(found)
            found.append(Run(id=f"r{line['revision']}", incident=incident.id, injected_at=at))
        elif line.get("by") == "rollback" and index is not None:
            del found[index]  # a service did not acknowledge: it never was on for all
            open_runs = {name: place - (place > index) for name, place in open_runs.items()}
    return found
