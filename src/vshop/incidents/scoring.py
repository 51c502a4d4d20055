"""Scores diagnoses against the ground truth.

The measures are those of RCAEval (https://github.com/phamquiluan/RCAEval, ``RCAEval/benchmark/evaluation.py``):

- accuracy@k of a case = |the first k candidates ∩ the right answers| / |the right answers|;
- AC@k = the mean of accuracy@k over all cases;
- Avg@k = (AC@1 + … + AC@k) / k.

A case has one right service, component and error type, each of which may have accepted alternatives: any of them counts as the one
answer. Its culprit spans are a set: each order that was sent while the incident was on has one.
Precision = the share of a case's candidates that are right. Twins are no cases: there the right answer is an empty list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vshop.incidents.errors import UnknownIncidentError
from vshop.incidents.truth import ASPECTS, Truth

KS = (1, 2, 3, 4, 5)


class AspectScore(msgspec.Struct, frozen=True, rename="camel"):
    """How one case's candidates do in one aspect.

    Attributes:
        rank: the place of the first right candidate, from 1; None when there is none.
        precision: share of the candidates that are right; 0 without candidates.
        accuracy: accuracy@k by k.
    """

    rank: int | None
    precision: float
    accuracy: dict[int, float]


class CaseScore(msgspec.Struct, frozen=True, rename="camel"):
    """How the candidates for one incident or run do, by aspect; a twin has ``right`` alone."""

    id: str
    incident: str
    aspects: dict[str, AspectScore] = {}
    right: bool | None = None
    """For a twin: whether it was seen that nothing is wrong."""


class Total(msgspec.Struct, frozen=True, rename="camel"):
    """One aspect over all cases: their number, AC@k by k, Avg@5, and the mean precision."""

    cases: int
    ac: dict[int, float]
    avg5: float
    precision: float


class Score(msgspec.Struct, frozen=True, rename="camel"):
    """The score of a file of answers.

    Attributes:
        cases: each answer's, in the order of the file.
        totals: by aspect, over the answers to faults.
        twins: how many twins were answered, and how many of them rightly.
        unanswered: incidents that the file says nothing of; they do not count.
    """

    cases: list[CaseScore]
    totals: dict[str, Total]
    twins: dict[str, int]
    unanswered: list[str]


def score(answers: Mapping[str, Sequence[Mapping[str, Any]]], known: Mapping[str, Truth]) -> Score:
    """Score answers.

    Args:
        answers: by incident or run id, the candidates, the likeliest first:
            ``{"service", "component", "errorType", "spanId"}``, each of them optional.
        known: the right answers by id.

    Raises:
        UnknownIncidentError: an id is neither an incident's nor a run's.
    """
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
