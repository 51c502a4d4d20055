"""Rule kind ``exceptions``: traces in which an exception was recorded, by its type."""

from collections.abc import Iterable

from observatory.alerting.evidence import Evidence
from observatory.alerting.finding import Finding, Hit, counted
from observatory.alerting.rule import Rule


def judge(evidence: Evidence, rule: Rule) -> list[Finding]:
    """Count, for each type, the traces that have such an exception: on a span as an event, or on a log record."""
    hits: dict[str, list[Hit]] = {}
    for trace_id, recorded in evidence.exceptions.items():
        for kind, at_ns in _distinct(recorded).items():
            hits.setdefault(kind, []).append(Hit(at_ns, trace_id))
    return [counted(rule, found, labels=(kind,)) for kind, found in hits.items()]


def _distinct(recorded: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Reduce what one trace recorded to the types, each with when it was first seen."""
    first: dict[str, int] = {}
    for kind, at_ns in recorded:
        first[kind] = min(at_ns, first.get(kind, at_ns))
    # Logging handlers name the bare class, spans the class with its module: in one trace it is one exception.
    return {kind: at_ns for kind, at_ns in first.items() if not any(other.endswith(f".{kind}") for other in first)}
