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
        verdicts: what ``vshop verify --json`` printed: it knows the culprit spans.
    """
    spans: dict[str, list[str]] = {}
    for verdict in verdicts:
        spans.setdefault(verdict["incident"], []).extend(one["spanId"] for one in verdict.get("culprits", []))
    known = {incident.id: _truth(incident.id, incident, spans.get(incident.id, [])) for incident in catalogue.values()}
    return known | {run.id: _truth(run.id, catalogue[run.incident], spans.get(run.incident, [])) for run in runs}


def _truth(name: str, incident: Incident, spans: list[str]) -> Truth:
    answer = incident.answer
    right: dict[str, list[str]] = {}
    if answer is not None:
        plain = {"service": answer.service, "component": answer.component, "errorType": answer.error_type}
        right = {aspect: [value] for aspect, value in plain.items()}
        for aspect, values in answer.acceptable.items():
            right[aspect] += values
        if spans:
            right["spanId"] = spans
    return Truth(id=name, incident=incident.id, fault=incident.fault, right=right)
