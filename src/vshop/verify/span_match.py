"""Compares one span with one pattern; says everything in which they differ, so that the closest one can be named."""

from collections.abc import Mapping

from vshop.incidents.span_patterns import SpanPattern
from vshop.spans import Span
from vshop.verify.scene import Scene, SeenSpan
from vshop.verify.values import exception_mismatch, mismatch, mismatches

Bound = Mapping[str, SeenSpan]
"""The spans found so far, by their names in the file."""

_WEIGHTS = {"service.name": 8, "kind": 4, "name": 4, "under": 2}
"""How far away a span is that differs in this; 1 in anything else."""


def differences(seen: SeenSpan, pattern: SpanPattern, scene: Scene, bound: Bound) -> dict[str, str]:
    """Say in what a span differs from a pattern, by what it differs in; empty when it fits.

    Args:
        seen: the span.
        pattern: the pattern.
        scene: where its logs are.
        bound: the spans that ``under`` may name.
    """
    span = seen.span
    plain = {
        "service.name": (pattern.service, span.service),
        "kind": (pattern.kind, span.kind),
        "name": (pattern.name, span.name),
        "status": (pattern.status, span.status),
        "statusMessage": (pattern.status_message, span.status_message),
        "durationMs": (pattern.duration_ms, round(span.duration_ms, 1)),
        "links": (pattern.links, len(span.links)),
    }
    found = {what: reason for what, (expected, actual) in plain.items() if (reason := mismatch(expected, actual)) is not None}
    reasons = mismatches(pattern.attributes, span.attributes)
    if reasons:
        found["attributes"] = "; ".join(reasons)
    place = _misplaced(seen, pattern)
    if place is not None:
        found["where"] = place
    relation = _unrelated(span, pattern, bound)
    if relation is not None:
        found["under"] = relation
    if pattern.exception is not None and not found:  # the logs are asked for only where everything else fits
        reason = _other_exception(span, pattern, scene)
        if reason is not None:
            found["exception"] = reason
    return found


def distance(differing: Mapping[str, str]) -> int:
    """Say how far a span is from a pattern."""
    return sum(_WEIGHTS.get(what, 1) for what in differing)


def named(span: Span) -> str:
    """Name a span in a sentence."""
    return f"{span.service} {span.kind} {span.name}"


def _misplaced(seen: SeenSpan, pattern: SpanPattern) -> str | None:
    if pattern.where is None:
        return "it is in a trace without any link to the order's" if seen.where == "elsewhere" else None
    return None if seen.where == pattern.where else f"{seen.where} ≠ {pattern.where}"


def _unrelated(span: Span, pattern: SpanPattern, bound: Bound) -> str | None:
    if pattern.under is None:
        return None
    if pattern.under not in bound:
        return f"there is no {pattern.under} that it could belong to"
    target = bound[pattern.under].span
    child = span.parent_id == target.span_id and span.trace_id == target.trace_id
    link = (target.trace_id, target.span_id) in span.links
    wanted = {"child": child, "link": link, None: child or link}[pattern.relation]
    return None if wanted else f"it is no {pattern.relation or 'child or link'} of {pattern.under} ({named(target)})"


def _other_exception(span: Span, pattern: SpanPattern, scene: Scene) -> str | None:
    if pattern.exception is None:
        return None
    reasons = []
    for kind, message in scene.exceptions(span):
        reason = exception_mismatch(pattern.exception, kind, message)
        if reason is None:
            return None
        reasons.append(reason)
    return "; ".join(dict.fromkeys(reasons)) or "none was recorded, neither on it nor in its logs"
