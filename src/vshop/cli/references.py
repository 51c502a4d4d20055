"""Completes and finds what a person names: incidents and faults by id, traces and dead letters also by the beginning of one."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

from vshop.incidents import Incident, load_catalogue, load_incident
from vshop.incidents.loader import CATALOGUE
from vshop.incidents.telemetry_fault import TELEMETRY_FAULTS, TelemetryFault, load_telemetry_faults
from vshop.shop.traces import TraceError, TraceReader

Last = Annotated[bool, typer.Option("--last", "-l", help="Take the newest one")]

_SEARCHED = 1500


def find_trace(reader: TraceReader, given: str | None, *, last: bool) -> str:
    """Return a trace's id, given it, an order's, or a beginning, among the newest 1,500 orders. Raises TraceError."""
    if last == (given is not None):
        raise typer.BadParameter("Give the id of a trace or order, or --last.")
    if given and re.fullmatch(r"[0-9a-f]{32}", given.lower()):
        return given.lower()
    if given and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", given):
        return _only(given, reader.search("orders", {"shop.order.id": given}))
    traces = sorted(
        reader.find_traces("orders", limit=_SEARCHED if given else 20), key=lambda one: max(s.start_ns for s in one.spans)
    )
    if given is None:
        return _only("--last", [trace.trace_id for trace in traces[-1:]])
    found = [
        trace.trace_id
        for trace in traces
        if trace.trace_id.startswith(given.lower())
        or any(str(span.attributes.get("shop.order.id", "")).startswith(given) for span in trace.spans)
    ]
    return _only(given, found)


def _only(given: str, found: Iterable[str]) -> str:
    ids = list(dict.fromkeys(found))
    if not ids:
        raise TraceError(f"There is no trace or order {given}. `vshop logs` and `vshop order` print their ids.")
    if len(ids) > 1:
        raise TraceError(f"{len(ids)} traces fit {given}: {', '.join(ids[:5])}{' …' if len(ids) > 5 else ''}.")
    return ids[0]


def find_letter(letters: Iterable[Mapping[str, Any]], given: str | None, *, last: bool) -> str:
    """Return the id of a dead letter, given its id, the beginning of its trace id, its order's id, or ``--last``."""
    known = list(letters)
    if last:
        if not known:
            raise typer.BadParameter("There are no dead letters.")
        return str(known[-1]["id"])
    if given is None:
        raise typer.BadParameter("Give the id of a dead letter, a trace or an order, or --last.")
    if any(letter["id"] == given for letter in known):
        return given
    found = [str(one["id"]) for one in known if str(one["traceId"]).startswith(given) or f'"{given}' in str(one["value"])]
    if len(found) != 1:
        several = f"Several dead letters fit {given}: {', '.join(found)}." if found else f"There is no dead letter {given}."
        raise typer.BadParameter(f"{several} `vshop dlq list` shows them.")
    return found[0]


def choose(ids: Sequence[str] | None, *, telemetry_faults: bool) -> tuple[list[Incident], list[TelemetryFault]]:
    """Return the incidents and telemetry faults of these ids, and all faults if wanted; without either, all incidents."""
    known = load_telemetry_faults()
    names = ids or ([] if telemetry_faults else load_catalogue())
    faults = [known[name] for name in (known if telemetry_faults else dict.fromkeys(names)) if name in known]
    return [load_incident(name) for name in names if name not in known], faults


def complete_incident(incomplete: str) -> list[str]:
    """Return the matching incidents. Reads only file names, so that completion is fast."""
    return sorted(path.stem for path in CATALOGUE.glob(f"{incomplete}*.yaml"))


def complete_telemetry_fault(incomplete: str) -> list[str]:
    """Return the matching telemetry faults."""
    return sorted(path.stem for path in TELEMETRY_FAULTS.glob(f"{incomplete}*.yaml"))


def complete_verifiable(incomplete: str) -> list[str]:
    """Return the matching incidents and telemetry faults."""
    return [*complete_incident(incomplete), *complete_telemetry_fault(incomplete)]


def complete_part(incomplete: str) -> list[str]:
    """Return the matching parts."""
    from vshop.runtime.model.parts import NAMES  # noqa: PLC0415 - only `vshop restart` needs it

    return [name for name in NAMES if name.startswith(incomplete)]
