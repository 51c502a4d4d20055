"""Who calls whom, seen from traces: services, the Kafka topics and the tables as nodes of their own."""

from collections import defaultdict
from typing import Any

from console.page.trace_reading import Span, Trace

_SHOPPER = ("shopper", "people")
Node = tuple[str, str]
"""A name and a kind: people, service, topic, table or elsewhere."""


def service_map(traces: list[Trace]) -> dict[str, Any]:
    """Draw the map of some traces.

    Returns:
        ``{"traces", "windowS", "nodes": [{"id", "kind"}], "edges": [{"from", "to", "count", "perMinute", "errors", "errorShare",
            "p50Us", "p95Us", "traceId"}]}``; ``traceId`` is one that shows an error there, or any.
    """
    edges: dict[tuple[Node, Node], list[Span]] = defaultdict(list)
    for trace in traces:
        called = {span.parent for span in trace if span.kind == "SERVER"}
        for span in trace:
            edge = _edge(span, span.id in called)
            if edge:
                edges[edge].append(span)
            elif span.kind == "SERVER" and span.parent:
                caller = next((one for one in trace if one.id == span.parent), None)
                if caller and caller.service != span.service:
                    # The caller's side of the call: what it waited, and whether it failed for it.
                    edges[(caller.service, "service"), (span.service, "service")].append(caller)
    begins = [trace[0].start for trace in traces]
    window_s = max((max(begins) - min(begins)) / 1e6, 1.0) if begins else 0.0
    nodes = dict.fromkeys(node for edge in edges for node in edge)
    return {
        "traces": len(traces),
        "windowS": window_s,
        "nodes": [{"id": name, "kind": kind} for name, kind in nodes],
        "edges": [_told(a, b, spans, window_s) for (a, b), spans in edges.items()],
    }


def _edge(span: Span, answered: bool) -> tuple[Node, Node] | None:  # noqa: FBT001 - of this file alone
    service, what = (span.service, "service"), span.attributes
    topic = (str(what.get("messaging.destination.name")), "topic")
    if span.kind == "SERVER" and span.parent is None:
        return (_SHOPPER, service)
    if span.kind == "PRODUCER":
        return (service, topic)
    if span.kind == "CONSUMER":
        return (topic, service)
    if span.kind == "CLIENT" and "db.collection.name" in what:
        return (service, (str(what["db.collection.name"]), "table"))
    if span.kind == "CLIENT" and "db.system" not in what and not answered:
        place = f"{what.get('server.address', '?')}:{what.get('server.port', '?')}"
        return (service, (f"{place} (nobody answered)", "elsewhere"))
    return None


def _told(source: Node, target: Node, spans: list[Span], window_s: float) -> dict[str, Any]:
    durations = sorted(span.duration for span in spans)
    failed = [span for span in spans if span.failed]
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
