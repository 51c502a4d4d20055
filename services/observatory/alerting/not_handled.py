"""Rule kind ``not-handled``: orders that Kafka took and nobody handled in time. No error need be anywhere: a span is missing."""

from observatory.alerting.evidence import Evidence
from observatory.alerting.finding import Finding, Hit, counted
from observatory.alerting.rule import Rule


def judge(evidence: Evidence, rule: Rule) -> list[Finding]:
    """Count the sends that no successful processing followed within the grace period; younger ones are awaited."""
    late: list[Hit] = []
    waiting: list[Hit] = []
    for send, _ in evidence.sends:
        deadline_ns = send.end_ns + rule.grace_ns
        if not any(handling.start_ns <= deadline_ns for handling in evidence.handlings(send)):
            (late if evidence.now_ns > deadline_ns else waiting).append(Hit(deadline_ns, send.trace_id))
    return [counted(rule, late, waiting=waiting)]
