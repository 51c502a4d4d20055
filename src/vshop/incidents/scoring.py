"""The journal's runs of incidents, the right diagnosis of each incident or run, and the score of given diagnoses.

The measures are those of RCAEval (https://github.com/phamquiluan/RCAEval, ``RCAEval/benchmark/evaluation.py``):

- accuracy@k of a case = |the first k candidates ∩ the right answers| / |the right answers|;
- AC@k = the mean of accuracy@k over all cases;
- Avg@k = (AC@1 + … + AC@k) / k.

An accepted alternative counts as the same answer. The culprit spans of a case are a set, one for each order. Precision is the
share of a case's candidates that are right. Twins are not cases: their right answer is an empty list.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from vshop.incidents.incident import Incident
from vshop.incidents.loader import UnknownIncidentError
from vshop.incidents.telemetry_fault import TelemetryFault

ASPECTS = ("service", "component", "errorType", "spanId")


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


class Truth(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The right values by aspect: any one for service, component and errorType; every culprit span for spanId; none for a twin."""

    id: str
    incident: str
    fault: bool
    right: dict[str, list[str]]


def truths(
    catalogue: Mapping[str, Incident | TelemetryFault],
    runs: Iterable[IncidentRun] = (),
    verdicts: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Truth]:
    """Return the right answers by incident or run; verdicts of ``vshop verify --json`` name the culprit spans."""
    seen: dict[str, list[Mapping[str, Any]]] = {}
    for verdict in verdicts:
        seen.setdefault(verdict["incident"], []).append(verdict)
    known = {incident.id: _truth(incident.id, incident, seen.get(incident.id, [])) for incident in catalogue.values()}
    for run in runs:
        own = [verdict for verdict in seen.get(run.incident, []) if _during(run, verdict)]
        known[run.id] = _truth(run.id, catalogue[run.incident], own)
    return known


def _during(run: IncidentRun, verdict: Mapping[str, Any]) -> bool:
    began, ended = verdict.get("onAt"), verdict.get("offAt")
    after = began is not None and run.recovered_at is not None and began > run.recovered_at
    before = ended is not None and ended < run.injected_at
    return not (after or before)


def _truth(name: str, incident: Incident | TelemetryFault, verdicts: Iterable[Mapping[str, Any]]) -> Truth:
    answer = incident.answer
    right: dict[str, list[str]] = {}
    if answer is not None:
        spans = [one["spanId"] for verdict in verdicts for one in verdict.get("culprits", [])]
        right = {"service": [answer.service], "component": [answer.component], "errorType": [answer.error_type], "spanId": spans}
        for aspect, values in answer.acceptable.items():
            right[aspect] += values
    return Truth(id=name, incident=incident.id, fault=incident.fault, right={aspect: one for aspect, one in right.items() if one})


KS = (1, 2, 3, 4, 5)


class AspectScore(msgspec.Struct, frozen=True, rename="camel"):
    """One case in one aspect.

    ``rank`` is the position of the first right candidate, from 1. ``precision`` is 0 without candidates. ``accuracy`` is by k.
    """

    rank: int | None
    precision: float
    accuracy: dict[int, float]


class CaseScore(msgspec.Struct, frozen=True, rename="camel"):
    """One incident or run, by aspect."""

    id: str
    incident: str
    aspects: dict[str, AspectScore] = {}
    right: bool | None = None
    """For a twin: the answer is that nothing is wrong."""


class Total(msgspec.Struct, frozen=True, rename="camel"):
    """One aspect over all cases."""

    cases: int
    ac: dict[int, float]
    avg5: float
    precision: float


class Score(msgspec.Struct, frozen=True, rename="camel"):
    """The score of a file of answers; ``twins`` counts those answered, and those answered right."""

    cases: list[CaseScore]
    totals: dict[str, Total]
    twins: dict[str, int]
    unanswered: list[str]


def score(answers: Mapping[str, Sequence[Mapping[str, Any]]], known: Mapping[str, Truth]) -> Score:
    """Score candidates, most likely first: ``{"service", "component", "errorType", "spanId"}``."""
    cases = []
    for name, candidates in answers.items():
        if name not in known:
            raise UnknownIncidentError(name, known)
        cases.append(_case(known[name], candidates))
    twins = [case for case in cases if case.right is not None]
    answered = {case.incident for case in cases}
    return Score(
        cases=cases,
        totals={aspect: total for aspect in ASPECTS if (total := _total(aspect, cases)) is not None},
        twins={"answered": len(twins), "right": sum(bool(case.right) for case in twins)},
        unanswered=sorted({truth.incident for truth in known.values()} - answered),
    )


def _case(truth: Truth, candidates: Sequence[Mapping[str, Any]]) -> CaseScore:
    if not truth.fault:
        return CaseScore(truth.id, truth.incident, right=not candidates)
    aspects = {
        aspect: _aspect([candidate.get(aspect) for candidate in candidates], right, each=aspect == "spanId")
        for aspect, right in truth.right.items()
    }
    return CaseScore(truth.id, truth.incident, aspects)


def _aspect(ranked: Sequence[str | None], right: Sequence[str], *, each: bool) -> AspectScore:
    hits = [value in right for value in ranked]
    rank = hits.index(True) + 1 if any(hits) else None
    if each:
        accuracy = {k: len({value for value in ranked[:k] if value in right}) / len(set(right)) for k in KS}
    else:
        accuracy = {k: float(any(hits[:k])) for k in KS}
    return AspectScore(rank, sum(hits) / len(hits) if hits else 0.0, accuracy)


def _total(aspect: str, cases: Sequence[CaseScore]) -> Total | None:
    scores = [case.aspects[aspect] for case in cases if aspect in case.aspects]
    if not scores:
        return None
    ac = {k: sum(one.accuracy[k] for one in scores) / len(scores) for k in KS}
    return Total(len(scores), ac, sum(ac.values()) / len(KS), sum(one.precision for one in scores) / len(scores))
