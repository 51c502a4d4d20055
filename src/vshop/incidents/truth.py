"""The right answers: what a diagnosis must say, for each incident or run."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from vshop.incidents.incident import Incident
from vshop.incidents.runs import Run

ASPECTS = ("service", "component", "errorType", "spanId")


class Truth(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is right, by aspect: for service, component and errorType any one of the values, for spanId each culprit span.

    Attributes:
        id: the incident's, or the run's.
        incident: the incident's id.
        fault: False for a twin: then the right answer is that there is no fault, an empty list.
        right: the right values by aspect; an aspect that nothing is known of is left out.
    """

    id: str
    incident: str
    fault: bool
    right: dict[str, list[str]]


def truths(
    catalogue: Mapping[str, Incident], runs: Iterable[Run] = (), verdicts: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Truth]:
    """Put the right answers together, by incident and by run.

    Args:
        catalogue: the incidents by id.
        runs: runs of a journal; answers may name them by their ids.
        verdicts: what ``vshop verify --json`` printed: it knows the culprit spans. A run has those of the verdicts of its time.
    """
    seen: dict[str, list[Mapping[str, Any]]] = {}
    for verdict in verdicts:
        seen.setdefault(verdict["incident"], []).append(verdict)
    known = {incident.id: _truth(incident.id, incident, seen.get(incident.id, [])) for incident in catalogue.values()}
    for run in runs:
        own = [verdict for verdict in seen.get(run.incident, []) if _during(run, verdict)]
        known[run.id] = _truth(run.id, catalogue[run.incident], own)
    return known


def _during(run: Run, verdict: Mapping[str, Any]) -> bool:
    """Tell whether a verdict was found while the run was on; without its times it cannot be told, and it counts for every run."""
    began, ended = verdict.get("onAt"), verdict.get("offAt")
    after = began is not None and run.recovered_at is not None and began > run.recovered_at
    before = ended is not None and ended < run.injected_at
    return not (after or before)


def _truth(name: str, incident: Incident, verdicts: Iterable[Mapping[str, Any]]) -> Truth:
    answer = incident.answer
    spans = [one["spanId"] for verdict in verdicts for one in verdict.get("culprits", [])]
    right: dict[str, list[str]] = {}
    if answer is not None:
        plain = {"service": answer.service, "component": answer.component, "errorType": answer.error_type}
        right = {aspect: [value] for aspect, value in plain.items()}
        for aspect, values in answer.acceptable.items():
            right[aspect] += values
        if spans:
            right["spanId"] = spans
    return Truth(id=name, incident=incident.id, fault=incident.fault, right=right)
