"""Finds traces by what one of their spans is like."""

from collections.abc import Mapping, Sequence

import msgspec

from observatory.spans import Span
from observatory.tag_match import TagMatch
from observatory.trace_store import Trace


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for: one span of the trace must meet all of it.

    Attributes:
        service: service name; empty for any.
        operation: span name; empty for any.
        tags: attributes of the span, its events, its scope or its resource, with their values as text.
        start_min_ns: earliest start, nanoseconds since the epoch.
        start_max_ns: latest start.
        duration_min_ns: shortest duration; 0 for any.
        duration_max_ns: longest duration; 0 for any.
        limit: most traces to return.
    """

    service: str = ""
    operation: str = ""
    tags: Mapping[str, str] = {}
    start_min_ns: int = 0
    start_max_ns: int = 2**63
    duration_min_ns: int = 0
    duration_max_ns: int = 0
    limit: int = 100


def find(traces: Sequence[Trace], query: Query) -> list[Trace]:
    """Find the traces that came last.

    Args:
        traces: where to look, the oldest first.
        query: what to look for.

    Returns:
        At most ``query.limit`` traces, the newest first.
    """
    tags = [TagMatch(key, value) for key, value in query.tags.items()]
    found: list[Trace] = []
    for trace in reversed(traces):
        if len(found) >= query.limit:
            break
        if _has_such_a_span(trace, query, tags):
            found.append(trace)
    return found


def _has_such_a_span(trace: Trace, query: Query, tags: Sequence[TagMatch]) -> bool:
    # Plain loops: this is where a search spends its time.
    for span in list(trace.spans):
        if not _meets(span, query):
            continue
        for has_tag in tags:
            if not has_tag(span):
                break
        else:
            return True
    return False


def _meets(span: Span, query: Query) -> bool:
    if query.service and span.scope.resource.service != query.service:
        return False
    if query.operation and span.name != query.operation:
        return False
    if not query.start_min_ns <= span.start_ns <= query.start_max_ns:
        return False
    if not query.duration_min_ns and not query.duration_max_ns:
        return True
    duration_ns = span.stop_ns - span.start_ns
    return query.duration_min_ns <= duration_ns and (not query.duration_max_ns or duration_ns <= query.duration_max_ns)
