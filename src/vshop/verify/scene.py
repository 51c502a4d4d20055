"""All that there is to see of one order: the spans of its trace, of those linked to it, of those that lost it, and their logs."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import msgspec

from vshop.client import Placed
from vshop.incidents.span_patterns import Where
from vshop.spans import Span
from vshop.traces import Trace, missing_hop
from vshop.verify.ports import Shop, Traces

MOST_LOGS = 1000
_PLACE: tuple[str, ...] = ("messaging.destination.name", "messaging.destination.partition.id", "messaging.kafka.offset")


class SeenSpan(msgspec.Struct, frozen=True):
    """A span, and in what kind of trace it was found."""

    span: Span
    where: Where


class Scene:
    """What was seen of one order at one moment."""

    def __init__(self, placed: Placed, spans: list[SeenSpan], shop: Shop) -> None:
        """Args: placed: the order's answer. spans: what was found. shop: where the logs are, asked when they are needed."""
        self.placed = placed
        self.spans = spans
        self._shop = shop

    @property
    def trace_ids(self) -> list[str]:
        """The order's trace first, then the others."""
        return list(dict.fromkeys([self.placed.trace_id, *(seen.span.trace_id for seen in self.spans)]))

    @property
    def missing(self) -> str | None:
        """The first hop that is missing in the order's trace and those linked to it; None when it is whole."""
        here = [seen.span for seen in self.spans if seen.where != "elsewhere"]
        return missing_hop(Trace(self.placed.trace_id, here))

    @property
    def ids(self) -> frozenset[str]:
        """What tells whether two scenes show the same."""
        return frozenset(seen.span.span_id for seen in self.spans)

    @cached_property
    def logs(self) -> list[dict[str, Any]]:
        """The log records of all its traces."""
        return [record for trace_id in self.trace_ids for record in self._shop.logs(traceId=trace_id, limit=MOST_LOGS)]

    def exceptions(self, span: Span) -> Iterator[tuple[str | None, str | None]]:
        """Yield type and message of what was recorded on a span as an event, and then of what was logged in it."""
        for event in span.exceptions:
            yield event.attributes.get("exception.type"), event.attributes.get("exception.message")
        for record in self.logs:
            exception = record.get("exception")
            if exception and record["spanId"] == span.span_id:
                yield exception.get("type"), exception.get("message")


def look(placed: Placed, traces: Traces, shop: Shop) -> Scene:
    """Look at an order as it is now.

    Raises:
        TraceError: traces cannot be read.
    """
    own = traces.get(placed.trace_id)
    spans = [SeenSpan(span, "own") for span in own.spans]
    known = {span.span_id for span in own.spans}
    for trace_id in _elsewhere(placed, own, traces):
        other = traces.get(trace_id).spans
        linked = any(link_span in known for span in other for _, link_span in span.links)
        spans += [SeenSpan(span, "linked" if linked else "elsewhere") for span in other]
    return Scene(placed, sorted(spans, key=lambda seen: seen.span.start_ns), shop)


def _elsewhere(placed: Placed, own: Trace, traces: Traces) -> list[str]:
    """Name the traces that hold processing of the order's record: by the record's place on its topic, and by the order's id."""
    taken = {span.parent_id for span in own.find(kind="CONSUMER")}
    sent = [span for span in own.find(kind="PRODUCER") if span.span_id not in taken and not _is_letter(span)]
    if not sent:
        return []
    found = []
    for span in sent:
        place = {name: str(span.attributes[name]) for name in _PLACE if name in span.attributes}
        if len(place) == len(_PLACE):
            found += traces.search("stock-updater", place)
    if placed.order_id is not None:
        found += traces.search("stock-updater", {"shop.order.id": placed.order_id})
    return [trace_id for trace_id in dict.fromkeys(found) if trace_id != own.trace_id]


def _is_letter(span: Span) -> bool:
    return str(span.attributes.get("messaging.destination.name", "")).endswith(".dlq")
