"""Reads from the journal which incidents were on, and when."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from vshop.incidents.incident import Incident


class IncidentRun(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One period in which an incident was on for everybody, in seconds since the epoch.

    ``id`` is ``r`` and the switch's revision, and does not reveal the incident. ``recovered_at`` is None while it is on.
    """

    id: str
    incident: str
    injected_at: float
    recovered_at: float | None = None


def runs(journal: Iterable[Mapping[str, Any]], catalogue: Mapping[str, Incident], *, twins: bool = False) -> list[IncidentRun]:
    """Read the runs from a journal, oldest first."""
    found: list[IncidentRun] = []
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
            found.append(IncidentRun(id=f"r{line['revision']}", incident=incident.id, injected_at=at))
        elif line.get("by") == "rollback" and index is not None:
            del found[index]  # a service did not acknowledge, so the incident was never on for everybody
            open_runs = {name: place - (place > index) for name, place in open_runs.items()}
    return found
