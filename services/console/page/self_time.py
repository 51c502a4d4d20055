"""Where the code spends its time: what each operation takes itself, without what it waits for below."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from console.page.trace_reading import Span, Trace


def self_times(traces: list[Trace]) -> dict[str, Any]:
    """Add up self time over traces.

    Returns:
        ``{"traces", "totalUs", "rows": [{"service", "operation", "kind", "count", "errors", "selfUs", "totalUs", "share"}]}``,
            the most self time first.
    """
    rows: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0, 0, 0, 0])
    for trace in traces:
        below = defaultdict(list)
        for span in trace:
            below[span.parent].append(span)
        for span in trace:
            row = rows[span.service, span.name, span.kind]
            row[0] += 1
            row[1] += span.failed
            row[2] += own_us(span, below[span.id])
            row[3] += span.duration
    whole = sum(row[2] for row in rows.values())
    told = [
        {
            "service": service,
            "operation": name,
            "kind": kind,
            "count": count,
            "errors": errors,
            "selfUs": own,
            "totalUs": total,
            "share": own / whole if whole else 0,
        }
        for (service, name, kind), (count, errors, own, total) in rows.items()
    ]
    ids = [trace[0].trace_id for trace in traces]
    return {"traces": len(traces), "ids": ids[:50], "totalUs": whole, "rows": sorted(told, key=lambda row: -row["selfUs"])}


def own_us(span: Span, children: Iterable[Span]) -> int:
    """Return the part of a span's time, in microseconds, during which none of its children ran."""
    own, reached = span.duration, span.start
    for child in sorted(children, key=lambda child: child.start):
        begin, end = max(child.start, reached), min(child.end, span.end)
        if end > begin:
            own -= end - begin
            reached = end
    return own
