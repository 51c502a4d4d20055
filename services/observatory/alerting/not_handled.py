"""Rule kind ``not-handled``: orders that Kafka took and nobody handled. No error need be anywhere: a span is missing."""

from observatory.alerting.evidence import Evidence
from observatory.alerting.finding import Finding, Hit, counted
from observatory.alerting.rule import Rule


def judge(evidence: Evidence, rule: Rule) -> list[Finding]:
    """Count the sends that no successful processing followed; those younger than the grace period are awaited.

    An order that is handled late is counted until then, and no longer.
    """
    missing: list[Hit] = []
    waiting: list[Hit] = []
    for send, _ in evidence.sends:
        if not evidence.handlings(send):
            deadline_ns = send.end_ns + rule.grace_ns
            (missing if evidence.now_ns > deadline_ns else waiting).append(Hit(deadline_ns, send.trace_id))
    return [counted(rule, missing, waiting=waiting)]
