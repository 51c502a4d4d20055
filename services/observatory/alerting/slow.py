"""Rule kind ``slow``: how long orders take from the shopper's request to the end of their processing."""

import math

from observatory.alerting.evidence import Evidence
from observatory.alerting.finding import Finding
from observatory.alerting.rule import Rule
from observatory.spans import Span


def judge(evidence: Evidence, rule: Rule) -> list[Finding]:
    """Measure the 95th percentile, in seconds, of the orders that were accepted (202) and handled; it fires above the threshold."""
    ways = sorted((end_ns - request.start_ns, end_ns, request.trace_id) for request, end_ns in _ends(evidence).items())
    if not ways:
        return []
    # Nearest rank: the smallest value that 95 of 100 do not exceed.
    value_s = ways[math.ceil(len(ways) * 95 / 100) - 1][0] / 10**9
    if value_s <= rule.threshold:
        return [Finding(state="inactive", value=value_s)]
    slow = [way for way in reversed(ways) if way[0] > rule.threshold * 10**9]
    return [
        Finding(
            state="firing",
            value=value_s,
            trace_ids=tuple(dict.fromkeys(trace_id for _, _, trace_id in slow)),
            since_ns=min(end_ns for _, end_ns, _ in slow),
        )
    ]


def _ends(evidence: Evidence) -> dict[Span, int]:
    """Find each order's request and the end of its last successful processing, in nanoseconds since the epoch."""
    ends: dict[Span, int] = {}
    for send, request in evidence.sends:
        handlings = evidence.handlings(send)
        if handlings and request is not None and evidence.http_status(request) == 202:
            ends[request] = max(ends.get(request, 0), *(handling.end_ns for handling in handlings))
    return ends
