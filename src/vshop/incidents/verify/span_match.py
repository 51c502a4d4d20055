"""Finds one span for each pattern, related as the file says."""

from collections.abc import Mapping, Sequence

from vshop.incidents.patterns import AbsentSpan, ExpectedSpan, SpanPattern
from vshop.incidents.verify.observation import Observation, ObservedSpan
from vshop.incidents.verify.value_match import exception_mismatch, mismatch, mismatches
from vshop.incidents.verify.verdict import Check
from vshop.shop.spans import Span

Bound = Mapping[str, ObservedSpan]
"""The spans found so far, by their ``as``."""

_WEIGHTS = {"service.name": 8, "kind": 4, "name": 4, "under": 2}
"""Of a difference in this field; any other weighs 1."""


def differences(seen: ObservedSpan, pattern: SpanPattern, observation: Observation, bound: Bound) -> dict[str, str]:
    """Return the differences between a span and a pattern, by field."""
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
    reasons = mismatches(pattern.attributes, observation.attributes(span) if pattern.attributes else {})
    if reasons:
        found["attributes"] = "; ".join(reasons)
    place = _misplaced(seen, pattern)
    if place is not None:
        found["where"] = place
    relation = _unrelated(span, pattern, bound)
    if relation is not None:
        found["under"] = relation
    if pattern.exception is not None and not found:  # reads logs, so it comes last
        reason = _other_exception(span, pattern, observation)
        if reason is not None:
            found["exception"] = reason
    return found


def distance(differing: Mapping[str, str]) -> int:
    """Return how far a span is from the pattern."""
    return sum(_WEIGHTS.get(what, 1) for what in differing)


def span_title(span: Span) -> str:
    """Return service, kind and name of a span."""
    return f"{span.service} {span.kind} {span.name}"


def _misplaced(seen: ObservedSpan, pattern: SpanPattern) -> str | None:
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
    return None if wanted else f"it is no {pattern.relation or 'child or link'} of {pattern.under} ({span_title(target)})"


def _other_exception(span: Span, pattern: SpanPattern, observation: Observation) -> str | None:
    if pattern.exception is None:
        return None
    reasons = []
    for kind, message in observation.exceptions(span):
        reason = exception_mismatch(pattern.exception, kind, message)
        if reason is None:
            return None
        reasons.append(reason)
    return "; ".join(dict.fromkeys(reasons)) or "none was recorded, neither on it nor in its logs"


class SearchResult:
    """The spans found, and why the search stopped."""

    def __init__(self, bound: Bound, stuck: str | None) -> None:
        self.bound = bound
        self.stuck = stuck


def search_spans(patterns: Sequence[ExpectedSpan], observation: Observation, start: Bound | None = None) -> SearchResult:
    """Find spans for all patterns by backtracking."""
    best = SearchResult(dict(start or {}), None)
    reached = -1

    def extend(index: int, bound: Bound) -> Bound | None:
        nonlocal best, reached
        if index == len(patterns):
            return bound
        pattern = patterns[index]
        fitting = [seen for seen in observation.spans if not differences(seen, pattern, observation, bound)]
        chosen, problem = _choose(pattern, fitting)
        if index > reached and not chosen:
            reached = index
            best = SearchResult(bound, problem or closest(pattern, observation, bound))
        for seen in chosen:
            done = extend(index + 1, {**bound, pattern.label: seen})
            if done is not None:
                return done
        return None

    found = extend(0, dict(start or {}))
    return best if found is None else SearchResult(found, None)


def span_checks(patterns: Sequence[ExpectedSpan], found: SearchResult) -> list[Check]:
    """Return a check for each pattern, up to the first without a span."""
    checks = []
    for pattern in patterns:
        seen = found.bound.get(pattern.label)
        what = f"span {pattern.label}"
        if seen is None:
            checks.append(Check(what=what, ok=False, expected=described(pattern), seen=found.stuck))
            break
        evidence = {"traceId": seen.span.trace_id, "spanId": seen.span.span_id}
        checks.append(Check(what=what, ok=True, expected=described(pattern), seen=span_title(seen.span), evidence=evidence))
    return checks


def absent_checks(patterns: Sequence[AbsentSpan], observation: Observation, bound: Bound) -> list[Check]:
    """Check that no forbidden span is there."""
    checks = []
    for pattern in patterns:
        there = [seen.span for seen in observation.spans if not differences(seen, pattern, observation, bound)]
        evidence = {"traceId": there[0].trace_id, "spanId": there[0].span_id} if there else {"traceId": observation.placed.trace_id}
        text = f"{len(there)}, the first is {span_title(there[0])}" if there else "none"
        checks.append(Check(what="no such span", ok=not there, expected=f"no {described(pattern)}", seen=text, evidence=evidence))
    return checks


def closest(pattern: SpanPattern, observation: Observation, bound: Bound) -> str:
    """Describe the closest span and its differences."""
    if not observation.spans:
        return "there is no span at all"
    differing = [(differences(seen, pattern, observation, bound), seen.span) for seen in observation.spans]
    reasons, span = min(differing, key=lambda pair: distance(pair[0]))
    listed = ", ".join(f"{what} {reason}" for what, reason in reasons.items())
    return f"closest is {span_title(span)}: {listed}"


def described(pattern: SpanPattern) -> str:
    """Describe a pattern in a few words."""
    words = [pattern.service, pattern.kind, pattern.name, pattern.status]
    return " ".join(str(word) for word in words if word is not None) or "span"


def _choose(pattern: ExpectedSpan, fitting: list[ObservedSpan]) -> tuple[list[ObservedSpan], str | None]:
    if pattern.count is not None:
        reason = mismatch(pattern.count, len(fitting))
        if reason is not None:
            return [], f"the number of such spans: {reason}"
    if pattern.nth is None or not fitting:
        return fitting, None
    index = len(fitting) if pattern.nth == "last" else pattern.nth
    return (fitting[index - 1 : index], None) if index <= len(fitting) else ([], f"there are only {len(fitting)} such spans")
