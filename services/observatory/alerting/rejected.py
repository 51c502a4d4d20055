"""Rule kind ``rejected``: orders that were answered with an error, by status code."""

from observatory.alerting.evidence import Evidence
from observatory.alerting.finding import Finding, Hit, counted
from observatory.alerting.rule import Rule


def judge(evidence: Evidence, rule: Rule) -> list[Finding]:
    """Count the orders answered with 400 or above."""
    hits: dict[int, list[Hit]] = {}
    for request in evidence.requests:
        status = evidence.http_status(request)
        if status is not None and status >= 400:
            hits.setdefault(status, []).append(Hit(request.end_ns, request.trace_id))
    return [counted(rule, found, labels=(str(status),)) for status, found in hits.items()]
