"""Reads from the chaos board's journal which incidents were on, and when."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from vshop.incidents.incident import Incident


class IncidentRun(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One period in which an incident was on for everybody.

    Attributes:
        id: ``r`` and the revision of the switch; does not reveal the incident.
        incident: the incident's id.
        injected_at: seconds since the epoch.
        recovered_at: seconds since the epoch; None while it is on.
    """

    id: str
    incident: str
    injected_at: float
    recovered_at: float | None = None


def runs(journal: Iterable[Mapping[str, Any]], catalogue: Mapping[str, Incident], *, twins: bool = False) -> list[IncidentRun]:
    """Read the runs from a journal, oldest first; twins only on demand."""
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
