"""Holds what was seen of a trigger's orders against ``expect``."""

from collections.abc import Sequence

from vshop.incidents.expectation import Expect
from vshop.verify.log_match import log_checks
from vshop.verify.scene import Scene
from vshop.verify.span_match import Bound
from vshop.verify.span_search import absent_checks, search, span_checks
from vshop.verify.verdict import Check, Culprit


def present_checks(expect: Expect, scenes: Sequence[Scene]) -> list[Check]:
    """Report whether the spans and logs that must be there are, in every scene."""
    checks: list[Check] = []
    for scene in scenes:
        found = search(expect.spans, scene)
        checks += span_checks(expect.spans, found)
        checks += log_checks(expect.logs, scene, found.bound)
    return checks


def missing_checks(expect: Expect, scenes: Sequence[Scene]) -> list[Check]:
    """Report whether the spans that must not be there are not; means something only once a trace is quiet."""
    return [check for scene in scenes for check in absent_checks(expect.absent, scene, bound_spans(expect, scene))]


def bound_spans(expect: Expect, scene: Scene) -> Bound:
    """Return the spans that were found, by their names in the file."""
    return search(expect.spans, scene).bound


def culprits(expect: Expect, scenes: Sequence[Scene]) -> list[Culprit]:
    """Return the root cause's span in each scene: where something is missing, the last span before the gap."""
    labels = [span.label for span in expect.spans if span.root_cause]
    labels += [span.under for span in expect.absent if span.root_cause and span.under is not None]
    found = (bound_spans(expect, scene).get(label) for scene in scenes for label in labels)
    return [Culprit(seen.span.trace_id, seen.span.span_id) for seen in found if seen is not None]
