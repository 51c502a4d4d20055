"""Finds, for all the patterns of a file together, spans that fit: each pattern one, related as the file says."""

from collections.abc import Sequence

from vshop.incidents.span_patterns import AbsentSpan, ExpectedSpan, SpanPattern
from vshop.verify.scene import Scene, SeenSpan
from vshop.verify.span_match import Bound, differences, distance, named
from vshop.verify.values import mismatch
from vshop.verify.verdict import Check


class Found:
    """What became of the search: the spans by their names in the file, and where it got no further."""

    def __init__(self, bound: Bound, stuck: str | None) -> None:
        """Args: bound: the spans found. stuck: why the next pattern has none; None when all have one."""
        self.bound = bound
        self.stuck = stuck


def search(patterns: Sequence[ExpectedSpan], scene: Scene, start: Bound | None = None) -> Found:
    """Find spans for all patterns; where several fit one, each is tried.

    Args:
        patterns: in an order in which ``under`` names an earlier one.
        scene: where to look.
        start: spans found before, which ``under`` may name too.
    """
    best = Found(dict(start or {}), None)
    reached = -1

    def go_on(index: int, bound: Bound) -> Bound | None:
        nonlocal best, reached
        if index == len(patterns):
            return bound
        pattern = patterns[index]
        fitting = [seen for seen in scene.spans if not differences(seen, pattern, scene, bound)]
        chosen, problem = _choose(pattern, fitting)
        if index > reached and not chosen:
            reached = index
            best = Found(bound, problem or closest(pattern, scene, bound))
        for seen in chosen:
            done = go_on(index + 1, {**bound, pattern.label: seen})
            if done is not None:
                return done
        return None

    found = go_on(0, dict(start or {}))
    return best if found is None else Found(found, None)


def span_checks(patterns: Sequence[ExpectedSpan], found: Found) -> list[Check]:
    """Report a search: a check for each span up to the one that was not found."""
    checks = []
    for pattern in patterns:
        seen = found.bound.get(pattern.label)
        what = f"span {pattern.label}"
        if seen is None:
            checks.append(Check(what=what, ok=False, expected=described(pattern), seen=found.stuck))
            break
        evidence = {"traceId": seen.span.trace_id, "spanId": seen.span.span_id}
        checks.append(Check(what=what, ok=True, expected=described(pattern), seen=named(seen.span), evidence=evidence))
    return checks


def absent_checks(patterns: Sequence[AbsentSpan], scene: Scene, bound: Bound) -> list[Check]:
    """Report which of the spans that must not be there are there."""
    checks = []
    for pattern in patterns:
        there = [seen.span for seen in scene.spans if not differences(seen, pattern, scene, bound)]
        evidence = {"traceId": there[0].trace_id, "spanId": there[0].span_id} if there else {"traceId": scene.placed.trace_id}
        text = f"{len(there)}, the first is {named(there[0])}" if there else "none"
        checks.append(Check(what="no such span", ok=not there, expected=f"no {described(pattern)}", seen=text, evidence=evidence))
    return checks


def closest(pattern: SpanPattern, scene: Scene, bound: Bound) -> str:
    """Name the span that is closest to a pattern, and in what it differs."""
    if not scene.spans:
        return "there is no span at all"
    differing = [(differences(seen, pattern, scene, bound), seen.span) for seen in scene.spans]
    reasons, span = min(differing, key=lambda pair: distance(pair[0]))
    told = ", ".join(f"{what} {reason}" for what, reason in reasons.items())
    return f"closest is {named(span)}: {told}"


def described(pattern: SpanPattern) -> str:
    """Describe a pattern in a few words."""
    words = [pattern.service, pattern.kind, pattern.name, pattern.status]
    return " ".join(str(word) for word in words if word is not None) or "span"


def _choose(pattern: ExpectedSpan, fitting: list[SeenSpan]) -> tuple[list[SeenSpan], str | None]:
    """Return those that may be the one, and why none may although some fit."""
    if pattern.count is not None:
        reason = mismatch(pattern.count, len(fitting))
        if reason is not None:
            return [], f"the number of such spans: {reason}"
    if pattern.nth is None or not fitting:
        return fitting, None
    index = len(fitting) if pattern.nth == "last" else pattern.nth
    return (fitting[index - 1 : index], None) if index <= len(fitting) else ([], f"there are only {len(fitting)} such spans")
