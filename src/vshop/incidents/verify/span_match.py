"""Finds one span for each pattern, related as the file says."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vshop.incidents.patterns import AbsentSpan, ExceptionPattern, ExpectedSpan, SpanPattern
from vshop.incidents.verify.observation import Observation, ObservedSpan
from vshop.incidents.verify.value_match import exception_mismatch, mismatch, mismatches
from vshop.incidents.verify.verdict import Check
from vshop.incidents.wording import span_words
from vshop.shop.spans import Span

Bound = Mapping[str, ObservedSpan]
"""The spans found so far, by their ``as``."""

_WEIGHTS = {"service.name": 8, "kind": 4, "name": 4, "under": 2}
"""Of a difference in this field; any other weighs 1."""


def differences(seen: ObservedSpan, pattern: SpanPattern, observation: Observation, bound: Bound) -> dict[str, str]:
    """Return the differences between a span and a pattern, by field."""
    span = seen.span
    attributes = observation.attributes(span) if pattern.attributes else {}
    reasons = {
        "service.name": mismatch(pattern.service, span.service),
        "kind": mismatch(pattern.kind, span.kind),
        "name": mismatch(pattern.name, span.name),
        "status": mismatch(pattern.status, span.status),
        "statusMessage": mismatch(pattern.status_message, span.status_message),
        "durationMs": mismatch(pattern.duration_ms, round(span.duration_ms, 1)),
        "links": mismatch(pattern.links, len(span.links)),
        "attributes": "; ".join(mismatches(pattern.attributes, attributes)),
        "where": _misplaced(seen, pattern),
        "under": _unrelated(span, pattern, bound),
    }
    if pattern.exception is not None and not any(reasons.values()):  # reads logs, so it comes last
        reasons["exception"] = _other_exception(span, pattern.exception, observation)
    return {what: reason for what, reason in reasons.items() if reason}


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


def _other_exception(span: Span, pattern: ExceptionPattern, observation: Observation) -> str | None:
    reasons = []
    for kind, message in observation.exceptions(span):
        reason = exception_mismatch(pattern, kind, message)
        if reason is None:
            return None
        reasons.append(reason)
    return "; ".join(dict.fromkeys(reasons)) or "none was recorded, neither on it nor in its logs"


class SearchResult(NamedTuple):
    """The spans found, and why the search stopped."""

    bound: Bound
    stuck: str | None


def search_spans(patterns: Sequence[ExpectedSpan], observation: Observation, start: Bound | None = None) -> SearchResult:
    """Find spans for all patterns by backtracking; if that fails, return the attempt that found most."""
    attempts: dict[int, SearchResult] = {}

    def extend(index: int, bound: Bound) -> Bound | None:
        if index == len(patterns):
            return bound
        pattern = patterns[index]
        fitting = [seen for seen in observation.spans if not differences(seen, pattern, observation, bound)]
        chosen, problem = _choose(pattern, fitting)
        if not chosen and index not in attempts:
            attempts[index] = SearchResult(bound, problem or _closest(pattern, observation, bound))
        done = (extend(index + 1, {**bound, pattern.label: seen}) for seen in chosen)
        return next((one for one in done if one is not None), None)

    found = extend(0, start or {})
    return attempts[max(attempts)] if found is None else SearchResult(found, None)


def span_checks(patterns: Sequence[ExpectedSpan], found: SearchResult) -> list[Check]:
    """Return a check for each pattern, up to the first without a span."""
    checks: list[Check] = []
    for pattern in patterns:
        seen, what, expected = found.bound.get(pattern.label), f"span {pattern.label}", span_words(pattern)
        if seen is None:
            return [*checks, Check(what=what, ok=False, expected=expected, seen=found.stuck)]
        evidence = {"traceId": seen.span.trace_id, "spanId": seen.span.span_id}
        checks.append(Check(what=what, ok=True, expected=expected, seen=span_title(seen.span), evidence=evidence))
    return checks


def absent_checks(patterns: Sequence[AbsentSpan], observation: Observation, bound: Bound) -> list[Check]:
    """Check that no forbidden span is there."""
    checks = []
    for pattern in patterns:
        there = [seen.span for seen in observation.spans if not differences(seen, pattern, observation, bound)]
        evidence = {"traceId": there[0].trace_id, "spanId": there[0].span_id} if there else {"traceId": observation.placed.trace_id}
        text = f"{len(there)}, the first is {span_title(there[0])}" if there else "none"
        checks.append(Check(what="no such span", ok=not there, expected=f"no {span_words(pattern)}", seen=text, evidence=evidence))
    return checks


def _closest(pattern: SpanPattern, observation: Observation, bound: Bound) -> str:
    if not observation.spans:
        return "there is no span at all"
    differing = [(differences(seen, pattern, observation, bound), seen.span) for seen in observation.spans]
    reasons, span = min(differing, key=lambda pair: sum(_WEIGHTS.get(what, 1) for what in pair[0]))
    return f"closest is {span_title(span)}: {', '.join(f'{what} {reason}' for what, reason in reasons.items())}"


def _choose(pattern: ExpectedSpan, fitting: list[ObservedSpan]) -> tuple[list[ObservedSpan], str | None]:
    if pattern.count is not None:
        reason = mismatch(pattern.count, len(fitting))
        if reason is not None:
            return [], f"the number of such spans: {reason}"
    if pattern.nth is None or not fitting:
        return fitting, None
    index = len(fitting) if pattern.nth == "last" else pattern.nth
    return (fitting[index - 1 : index], None) if index <= len(fitting) else ([], f"there are only {len(fitting)} such spans")
