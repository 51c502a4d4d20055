"""Finds spans whose times do not fit into their parent's, and says so in the words of Jaeger's clock skew adjuster.

Jaeger's adjuster moves no span unless it is configured to; by default it only warns:
https://github.com/jaegertracing/jaeger/blob/v2.13.0/cmd/query/app/querysvc/internal/adjuster/clockskew.go
"""

from collections.abc import Sequence

import msgspec

from observatory import go_format


class Node(msgspec.Struct, frozen=True):
    """What the check needs to know of a span: ids, times in nanoseconds, and its host (``""`` where that is unknown)."""

    span_id: bytes
    parent_id: bytes
    start_ns: int
    duration_ns: int
    host: str


def warnings(nodes: Sequence[Node], missing_parent: str) -> list[list[str]]:
    """Check the spans of one trace.

    Args:
        nodes: the spans.
        missing_parent: what to say of a span whose parent is not among them; ``{}`` becomes the parent's id.

    Returns:
        The warnings of each span, in the order of the nodes.
    """
    found: list[list[str]] = [[] for _ in nodes]
    index: dict[bytes, int] = {}
    for i, node in enumerate(nodes):
        if index.setdefault(node.span_id, i) != i:
            found[i].append("duplicate span IDs; skipping clock skew adjustment")
    children: dict[int, list[int]] = {}
    pending: list[tuple[int, str, int]] = []
    for i in index.values():
        parent_id = nodes[i].parent_id
        if parent_id in index:
            children.setdefault(index[parent_id], []).append(i)
            continue
        if parent_id:
            found[i].append(missing_parent.format(parent_id.hex()))
        pending.append((i, nodes[i].host, 0))
    while pending:
        i, host, skew_ns = pending.pop()
        if skew_ns:
            found[i].append(f"clock skew adjustment disabled; not applying calculated delta of {go_format.duration(skew_ns)}")
        for child in children.get(i, ()):
            # Spans of one known host share one clock: a child inherits what was found for its parent.
            same_clock = nodes[child].host == host and host != ""
            pending.append((child, nodes[child].host, skew_ns if same_clock else _skew_ns(nodes[child], nodes[i])))
    return found


def _skew_ns(child: Node, parent: Node) -> int:
    late = child.start_ns - parent.start_ns
    if child.duration_ns > parent.duration_ns:
        # It outlived its parent, so it was asynchronous, or the parent gave up: only its start can be judged.
        return max(-late, 0)
    slack = parent.duration_ns - child.duration_ns
    if 0 <= late <= slack:
        return 0
    # The way there and back are assumed to take equally long.
    return slack // 2 - late
