"""Places spans below their parents, in linear time and without recursion.

Other systems may send anything: a span that is its own parent, cycles, one id for two spans, very deep chains.
``services/console/static/js/trace/tree.js`` applies the same rules.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from vshop.shop.spans import Span

_ANSWERS = {"CLIENT": "SERVER", "PRODUCER": "CONSUMER"}
_Key = tuple[str, str]


class TraceTree(msgspec.Struct, frozen=True):
    """The spans of a trace below each other.

    ``rows`` are ``(depth, span)``, depth first. ``roots`` have no parent here, or one below them. ``below`` has children by the
    span's ``id()``; a repeated span has those of the kept one. ``cyclic`` has ``id()`` of spans among their own ancestors.
    ``duplicates`` were left out.
    """

    rows: list[tuple[int, Span]]
    roots: list[Span]
    below: dict[int, list[Span]]
    cyclic: set[int]
    duplicates: list[Span]

    @property
    def notes(self) -> list[str]:
        """Sentences about hidden or moved spans."""
        notes = []
        if self.duplicates:
            notes.append(f"{_spans(len(self.duplicates))} hidden: sent more than once")
        if self.cyclic:
            notes.append(f"{_spans(len(self.cyclic))} in a parent cycle: the earliest of a cycle is shown as a root")
        return notes


def _spans(count: int) -> str:
    return "1 span" if count == 1 else f"{count} spans"


def place(spans: Sequence[Span]) -> TraceTree:
    """Place spans below their parents.

    Spans with equal ids, service, kind and name are one span; the one that ended last is kept. A server that shares its caller's id
    (Zipkin) is placed below the caller. A cycle is cut above its earliest span.
    """
    ordered = sorted(spans, key=lambda span: span.start_ns)
    groups, copies = _groups(ordered)
    kept = [span for span in ordered if id(span) not in copies] if copies else ordered
    parents = {id(span): _parent(span, groups) for span in kept}
    cyclic = _cut_cycles(kept, parents)
    roots: list[Span] = []
    below: dict[int, list[Span]] = defaultdict(list)
    for span in kept:
        parent = parents[id(span)]
        (roots if parent is None else below[id(parent)]).append(span)
    for copy, original in copies.values():
        below[id(copy)] = below[id(original)]
    duplicates = [copy for copy, _ in copies.values()]
    return TraceTree(list(_walk(roots, below)), roots, dict(below), cyclic, duplicates)


def _groups(spans: Sequence[Span]) -> tuple[dict[_Key, list[Span]], dict[int, tuple[Span, Span]]]:
    """A span without id is in no group."""
    groups: dict[_Key, list[Span]] = defaultdict(list)
    for span in spans:
        groups[span.trace_id, span.span_id].append(span)
    copies: dict[int, tuple[Span, Span]] = {}
    for key, several in groups.items():
        if len(several) > 1 and key[1]:
            groups[key] = _without_copies(several, copies)
    return groups, copies


def _without_copies(spans: Sequence[Span], copies: dict[int, tuple[Span, Span]]) -> list[Span]:
    same: dict[tuple[str, ...], list[Span]] = defaultdict(list)
    for span in spans:
        same[span.service, span.kind, span.name].append(span)
    kept = []
    for several in same.values():
        last = max(several, key=lambda span: span.end_ns)
        kept.append(last)
        copies |= {id(span): (span, last) for span in several if span is not last}
    return kept


def _parent(span: Span, groups: dict[_Key, list[Span]]) -> Span | None:
    own = groups[span.trace_id, span.span_id] if span.span_id else ()
    if len(own) > 1:
        for other in own:
            if _ANSWERS.get(other.kind) == span.kind:
                return other
    candidates = groups.get((span.trace_id, span.parent_id), ()) if span.parent_id else ()
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    # Of a caller and a server with one id, children in other processes were started by the server.
    return min(candidates[:50], key=lambda one: (one is span, one.service != span.service, one.kind in _ANSWERS))


def _cut_cycles(spans: Sequence[Span], parents: dict[int, Span | None]) -> set[int]:
    cyclic: set[int] = set()
    checked = {id(None)}
    for first in spans:
        if id(parents[id(first)]) in checked:  # most spans start after their parents
            checked.add(id(first))
            continue
        path: list[Span] = []
        on_path: set[int] = set()
        span: Span | None = first
        while span is not None and id(span) not in checked and id(span) not in on_path:
            path.append(span)
            on_path.add(id(span))
            span = parents[id(span)]
        if span is not None and id(span) in on_path:
            start = next(index for index, one in enumerate(path) if one is span)
            cycle = path[start:]
            parents[id(min(cycle, key=lambda one: one.start_ns))] = None
            cyclic.update(map(id, cycle))
        checked |= on_path
    return cyclic


def _walk(roots: Sequence[Span], below: dict[int, list[Span]]) -> Iterator[tuple[int, Span]]:
    stack = [(0, root) for root in reversed(roots)]
    while stack:
        depth, span = stack.pop()
        yield depth, span
        stack += [(depth + 1, child) for child in reversed(below.get(id(span), ()))]
