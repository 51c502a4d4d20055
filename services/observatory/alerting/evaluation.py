"""Judges a rule, whatever its kind."""

from collections.abc import Sequence

from observatory.alerting.evidence import Evidence
from observatory.alerting.finding import Finding
from observatory.alerting.kinds import KINDS
from observatory.alerting.rule import Rule


def evaluate(rule: Rule, evidence: Evidence) -> Sequence[Finding]:
    """Judge one rule.

    Returns:
        One finding for each set of labels that fires, the greatest value first. Where none does: one that is pending,
        else one that is inactive and has no labels, its value the greatest that was found.
    """
    found = sorted(KINDS[rule.kind].judge(evidence, rule), key=lambda finding: (-finding.value, finding.labels))
    firing = [finding for finding in found if finding.state == "firing"]
    if firing:
        return firing
    pending = [finding for finding in found if finding.state == "pending"]
    return pending[:1] or [Finding(state="inactive", value=found[0].value if found else 0)]
