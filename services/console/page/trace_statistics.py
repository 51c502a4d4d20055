"""Self times and the service map, in microseconds."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from vshop.shop.spans import Span
from vshop.shop.traces import Trace

_Node = tuple[str, str]


def self_times(traces: list[Trace]) -> dict[str, Any]:
    """Sum self time by operation: a span's time without that of its children, most first."""
    rows: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for trace in traces:
        for _, span in trace.walk():
            row = rows[span.service, span.name, span.kind]
            row[0] += 1
            row[1] += span.unsuccessful
            row[2] += self_us(span, trace.children(span))
            row[3] += (span.end_ns - span.start_ns) // 1000
    whole = sum(row[2] for row in rows.values())
    fields = ("service", "operation", "kind", "count", "errors", "selfUs", "totalUs")
    views = [dict(zip(fields, (*key, *row), strict=True)) | {"share": row[2] / whole if whole else 0} for key, row in rows.items()]
    ids = [trace.trace_id for trace in traces[:50]]
    return {"traces": len(traces), "ids": ids, "totalUs": whole, "rows": sorted(views, key=lambda row: -row["selfUs"])}


def self_us(span: Span, children: Iterable[Span]) -> int:
    """Return a span's self time. Overlapping children count once, and only while the span runs."""
    own, reached = max(span.end_ns - span.start_ns, 0), span.start_ns
    for child in sorted(children, key=lambda child: child.start_ns):
        begin, end = max(child.start_ns, reached), min(child.end_ns, span.end_ns)
        if end > begin:
            own -= end - begin
            reached = end
    return own // 1000


def service_map(traces: list[Trace], now: float, *, all_found: bool = True) -> dict[str, Any]:
    """Compute the calls between services, topics and tables until ``now`` (seconds since the epoch).

    The window starts with the oldest trace; rates count at least a minute if ``all_found``. ``traceId`` has an error on the edge.
    """
    edges: dict[tuple[_Node, _Node], list[Span]] = defaultdict(list)
    known = _services_by_address(traces)
    for trace in traces:
        for _, span in trace.walk():
            servers = [child for child in trace.children(span) if child.kind == "SERVER"]
            if edge := _edge(span, known, called=bool(servers)):
                edges[edge].append(span)
            for server in servers:
                if server.service != span.service and server.parent_id is not None:
                    # The duration and status that the caller saw.
                    edges[(span.service, "service"), (server.service, "service")].append(span)
    starts = [span.start_ns for trace in traces for span in trace.spans]
    window_s = max(now - min(filter(None, starts), default=min(starts, default=0)) / 1e9, 0.0) if starts else 0.0
    return {
        "traces": len(traces),
        "windowS": window_s,
        "nodes": [{"id": name, "kind": kind} for name, kind in dict.fromkeys(node for edge in edges for node in edge)],
        "edges": [_edge_view(a, b, spans, max(window_s, 60 if all_found else 1)) for (a, b), spans in edges.items()],
    }


def _services_by_address(traces: list[Trace]) -> dict[str, str]:
    pairs = ((span, child) for trace in traces for _, span in trace.walk() for child in trace.children(span))
    return {_address(span): child.service for span, child in pairs if span.kind == "CLIENT" and child.kind == "SERVER"}


def _address(span: Span) -> str:
    return f"{span.stable.get('server.address', '?')}:{span.stable.get('server.port', '?')}"


def _edge(span: Span, known: dict[str, str], *, called: bool) -> tuple[_Node, _Node] | None:
    service, attributes = (span.service, "service"), span.stable
    destination = attributes.get("messaging.destination.name")
    topic = (str(destination), "topic")
    match span.kind:
        case "SERVER" if span.parent_id is None:
            return (("shopper", "user"), service)
        case "PRODUCER" if destination is not None:
            return (service, topic)
        case "CONSUMER" if destination is not None:
            return (topic, service)
        case "CLIENT" if "db.collection.name" in attributes:
            return (service, (str(attributes["db.collection.name"]), "table"))
        case "CLIENT" if "db.system" not in attributes and not called:
            return (service, _callee(span, known))
    return None


def _callee(span: Span, known: dict[str, str]) -> _Node:
    """The other side's span has not arrived yet, or does not exist."""
    address = _address(span)
    if not span.http_status:
        return (f"{address} (no response)", "unknown")
    return (known[address], "service") if address in known else (address, "unknown")


def _edge_view(source: _Node, target: _Node, spans: list[Span], window_s: float) -> dict[str, Any]:
    durations = sorted((span.end_ns - span.start_ns) // 1000 for span in spans)
    failed = [span for span in spans if span.unsuccessful]
    return {
        "from": source[0],
        "to": target[0],
        "count": len(spans),
        "perMinute": len(spans) * 60 / window_s,
        "errors": len(failed),
        "errorShare": len(failed) / len(spans),
        "p50Us": durations[len(durations) // 2],
        "p95Us": durations[min(len(durations) - 1, int(len(durations) * 0.95))],
        "traceId": (failed or spans)[0].trace_id,
    }
