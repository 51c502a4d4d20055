"""The alert rules of ``rules.yaml``, and their evaluation."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
import yaml
from msgspec import Meta

from observatory.alerting.evidence import Evidence
from observatory.store.trace_store import Span

Kind = Literal["exceptions", "not-handled", "slow", "rejected"]
State = Literal["firing", "pending", "inactive"]

LABEL_COUNTS: Mapping[Kind, int] = {"exceptions": 1, "not-handled": 0, "slow": 0, "rejected": 1}


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule of ``rules.yaml``; ``unit`` is that of value and threshold.

    Without ``window_s``, it counts all stored traces, for a state that lasts. ``grace_s``: how long an order may stay unprocessed.
    ``labels``: the names by which it groups.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*$")]
    kind: Kind
    title: str
    meaning: str
    severity: Literal["info", "warning", "critical"]
    window_s: Annotated[float, Meta(gt=0)] | None
    threshold: Annotated[float, Meta(gt=0)]
    unit: Literal["traces", "orders", "seconds"] = "orders"
    grace_s: Annotated[float, Meta(ge=0)] = 0
    labels: tuple[str, ...] = ()

    def begins_ns(self, end_ns: int) -> int:
        """Return the start of the window that ends at ``end_ns``."""
        return 0 if self.window_s is None else end_ns - round(self.window_s * 10**9)

    @property
    def grace_ns(self) -> int:
        """Grace period in nanoseconds."""
        return round(self.grace_s * 10**9)


class RulesError(ValueError):
    """The rules file is missing or invalid."""


def load(path: Path) -> tuple[Rule, ...]:
    """Load the rules, or raise RulesError."""
    try:
        rules = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), tuple[Rule, ...])
    except (OSError, yaml.YAMLError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RulesError(f"The alert rules in {path} are invalid: {error}") from error
    problems = [
        f"{rule.id} names {len(rule.labels)} labels, but kind {rule.kind} needs {LABEL_COUNTS[rule.kind]}"
        for rule in rules
        if len(rule.labels) != LABEL_COUNTS[rule.kind]
    ]
    ids = [rule.id for rule in rules]
    problems += [f"{rule_id} occurs twice" for rule_id in sorted(set(ids)) if ids.count(rule_id) > 1]
    if problems:
        raise RulesError(f"The alert rules in {path} are invalid: {'; '.join(problems)}")
    return rules


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's result for one set of labels.

    ``state``: ``pending`` if it will fire unless processing arrives in time. ``trace_ids``: the most relevant first. ``since_ns``:
    when it started to fire.
    """

    state: State
    value: float
    labels: tuple[str, ...] = ()
    trace_ids: tuple[bytes, ...] = ()
    since_ns: int | None = None


def evaluate(rule: Rule, evidence: Evidence) -> Sequence[Finding]:
    """Return a finding for each set of labels that fires, the greatest value first, or else one pending or inactive finding."""
    found = sorted(_EVALUATORS[rule.kind](evidence, rule), key=lambda finding: (-finding.value, finding.labels))
    firing = [finding for finding in found if finding.state == "firing"]
    if firing:
        return firing
    pending = [finding for finding in found if finding.state == "pending"]
    return pending[:1] or [Finding(state="inactive", value=found[0].value if found else 0)]


class _Hit(NamedTuple):
    at_ns: int
    trace_id: bytes


def _count(rule: Rule, hits: Iterable[_Hit], *, labels: tuple[str, ...] = (), awaited: Iterable[_Hit] = ()) -> Finding:
    found, possible = sorted(hits), sorted(awaited)
    if len(found) >= rule.threshold:
        since_ns = found[math.ceil(rule.threshold) - 1].at_ns
        return Finding(state="firing", value=len(found), labels=labels, trace_ids=_newest_first(found), since_ns=since_ns)
    if possible and len(found) + len(possible) >= rule.threshold:
        return Finding(state="pending", value=len(found), labels=labels, trace_ids=_newest_first(found + possible))
    return Finding(state="inactive", value=len(found), labels=labels)


def _newest_first(hits: list[_Hit]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(hit.trace_id for hit in reversed(hits)))


def _exceptions(evidence: Evidence, rule: Rule) -> list[Finding]:
    hits: dict[str, list[_Hit]] = {}
    for trace_id, recorded in evidence.exceptions.items():
        for exception_type, at_ns in _first_of_each_type(recorded).items():
            hits.setdefault(exception_type, []).append(_Hit(at_ns, trace_id))
    return [_count(rule, found, labels=(exception_type,)) for exception_type, found in hits.items()]


def _first_of_each_type(recorded: Iterable[tuple[str, int]]) -> dict[str, int]:
    first: dict[str, int] = {}
    for exception_type, at_ns in recorded:
        first[exception_type] = min(at_ns, first.get(exception_type, at_ns))
    # Log records name the class, spans the class with its module.
    return {name: at_ns for name, at_ns in first.items() if not any(other.endswith(f".{name}") for other in first)}


def _not_handled(evidence: Evidence, rule: Rule) -> list[Finding]:
    missing: list[_Hit] = []
    awaited: list[_Hit] = []
    for send, _ in evidence.sends:
        if not evidence.processing_of(send):
            deadline_ns = send.end_ns + rule.grace_ns
            (missing if evidence.now_ns > deadline_ns else awaited).append(_Hit(deadline_ns, send.trace_id))
    return [_count(rule, missing, awaited=awaited)]


def _rejected(evidence: Evidence, rule: Rule) -> list[Finding]:
    hits: dict[int, list[_Hit]] = {}
    for request in evidence.requests:
        status = evidence.http_status(request)
        if status is not None and status >= 400:
            hits.setdefault(status, []).append(_Hit(request.end_ns, request.trace_id))
    return [_count(rule, found, labels=(str(status),)) for status, found in hits.items()]


def _slow(evidence: Evidence, rule: Rule) -> list[Finding]:
    durations = sorted((end_ns - request.start_ns, end_ns, request.trace_id) for request, end_ns in _order_ends(evidence).items())
    if not durations:
        return []
    # Nearest rank: the smallest value that 95 of 100 do not exceed.
    value_s = durations[math.ceil(len(durations) * 95 / 100) - 1][0] / 10**9
    if value_s <= rule.threshold:
        return [Finding(state="inactive", value=value_s)]
    slow = [order for order in reversed(durations) if order[0] > rule.threshold * 10**9]
    return [
        Finding(
            state="firing",
            value=value_s,
            trace_ids=tuple(dict.fromkeys(trace_id for _, _, trace_id in slow)),
            since_ns=min(end_ns for _, end_ns, _ in slow),
        )
    ]


def _order_ends(evidence: Evidence) -> dict[Span, int]:
    ends: dict[Span, int] = {}
    for send, request in evidence.sends:
        processing = evidence.processing_of(send)
        if processing and request is not None and evidence.http_status(request) == 202:
            ends[request] = max(ends.get(request, 0), *(span.end_ns for span in processing))
    return ends


_EVALUATORS: Mapping[Kind, Callable[[Evidence, Rule], list[Finding]]] = {
    "exceptions": _exceptions,
    "not-handled": _not_handled,
    "slow": _slow,
    "rejected": _rejected,
}
