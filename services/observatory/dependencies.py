"""Counts which service calls which, for the service map."""

from collections import Counter
from collections.abc import Iterable

from observatory.trace_store import Trace


def links(traces: Iterable[Trace], start_ns: int, end_ns: int) -> list[tuple[str, str, int]]:
    """Count the parent-child pairs of spans by their services, in the traces that lie wholly inside a window.

    A service's calls to itself count too, as in Jaeger's memory store.

    Args:
        traces: the traces to look at.
        start_ns: begin of the window, nanoseconds since the epoch, exclusive.
        end_ns: end of the window, exclusive.

    Returns:
        ``(parent service, child service, calls)``, sorted.
    """
    calls: Counter[tuple[str, str]] = Counter()
    for trace in traces:
        spans = list(trace.spans)
        if min(span.start_ns for span in spans) <= start_ns or max(span.stop_ns for span in spans) >= end_ns:
            continue
        services: dict[bytes, str] = {}
        for span in spans:
            services.setdefault(span.span_id, span.service)
        calls.update((services[span.parent_id], span.service) for span in spans if span.parent_id in services)
    return sorted((parent, child, count) for (parent, child), count in calls.items())
