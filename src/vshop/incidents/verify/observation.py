"""Collects one order's spans, those of linked and other traces, and their logs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from vshop.incidents.patterns import Where
from vshop.kit.telemetry.dialects import SPELLINGS
from vshop.shop.client import Placed, ShopClient
from vshop.shop.spans import Span
from vshop.shop.traces import Trace, TraceReader, missing_hop

MOST_LOGS = 1000
_PLACE: tuple[str, ...] = ("messaging.destination.name", "messaging.destination.partition.id", "messaging.kafka.offset")
_OLD_PLACE: tuple[str, ...] = tuple(SPELLINGS["messaging"].get(name, name) for name in _PLACE)


class ObservedSpan(msgspec.Struct, frozen=True):
    """A span, and the kind of trace it was found in."""

    span: Span
    where: Where


class Observation:
    """The telemetry of one order at one time."""

    def __init__(self, placed: Placed, spans: list[ObservedSpan], shop: ShopClient, foreign: Collection[str] = ()) -> None:
        self.placed = placed
        self.spans = spans
        self._shop = shop
        self._foreign = foreign

    @property
    def trace_ids(self) -> list[str]:
        """The order's trace first."""
        return list(dict.fromkeys([self.placed.trace_id, *(seen.span.trace_id for seen in self.spans)]))

    @property
    def trace(self) -> Trace:
        """The order's trace, with the spans of linked traces."""
        return Trace(self.placed.trace_id, [seen.span for seen in self.spans if seen.where != "elsewhere"])

    @property
    def missing(self) -> str | None:
        """The first missing hop, or None."""
        return missing_hop(self.trace)

    @property
    def span_ids(self) -> frozenset[str]:
        """The ids of all spans."""
        return frozenset(seen.span.span_id for seen in self.spans)

    @cached_property
    def logs(self) -> list[dict[str, Any]]:
        """The log records of its traces, without those of other requests."""
        records = [record for trace_id in self.trace_ids for record in self._shop.logs(traceId=trace_id, limit=MOST_LOGS)]
        return [record for record in records if record["spanId"] not in self._foreign]

    def attributes(self, span: Span) -> Mapping[str, Any]:
        """Return attributes by their stable names. Old HTTP spans have no ``error.type``: the exception names it."""
        found = span.stable
        if not span.failed or "error.type" in found:
            return found
        kind = next((kind for kind, _ in self.exceptions(span) if kind), None)
        return {**found, "error.type": str(kind).rpartition(".")[2]} if kind else found

    def exceptions(self, span: Span) -> Iterator[tuple[Any, Any]]:
        """Yield type and message of the exceptions of a span and its log records: text, unless a foreign SDK sent them."""
        for event in span.exceptions:
            yield event.attributes.get("exception.type"), event.attributes.get("exception.message")
        for record in self.logs:
            exception = record.get("exception")
            if exception and record["spanId"] == span.span_id:
                yield exception.get("type"), exception.get("message")


def all_whole(observations: Sequence[Observation]) -> bool:
    """Return whether every observation is whole."""
    return all(observation.missing is None for observation in observations)


def observe(placed: Placed, traces: TraceReader, shop: ShopClient) -> Observation:
    """Observe an order as it is now."""
    whole = traces.get(placed.trace_id)
    own = _own_part(placed, whole)
    known = {span.span_id for span in own.spans}
    foreign = {span.span_id for span in whole.spans} - known
    spans = [ObservedSpan(span, "own") for span in own.spans]
    for trace_id in _elsewhere(placed, own, traces):
        other = traces.get(trace_id).spans
        linked = any(link_span in known for span in other for _, link_span in span.links)
        spans += [ObservedSpan(span, "linked" if linked else "elsewhere") for span in other]
    return Observation(placed, sorted(spans, key=lambda seen: seen.span.start_ns), shop, foreign)


def own_trace(placed: Placed, traces: TraceReader) -> Trace:
    """Return an order's trace without the caller's spans and other requests."""
    return _own_part(placed, traces.get(placed.trace_id))


def _own_part(placed: Placed, trace: Trace) -> Trace:
    return trace if placed.span_id is None else trace.branch(placed.span_id)


def _elsewhere(placed: Placed, own: Trace, traces: TraceReader) -> list[str]:
    taken = {span.parent_id for span in own.find(kind="CONSUMER")}
    sent = [span for span in own.find(kind="PRODUCER") if span.span_id not in taken and not _is_dead_letter(span)]
    found = []
    for span in sent:
        names = _PLACE if _PLACE[1] in span.attributes else _OLD_PLACE
        place = {name: str(span.attributes[name]) for name in names if name in span.attributes}
        found += traces.search("stock-updater", place) if len(place) == len(_PLACE) else []
    if sent and placed.order_id is not None:
        found += traces.search("stock-updater", {"shop.order.id": placed.order_id})
    return [trace_id for trace_id in dict.fromkeys(found) if trace_id != own.trace_id]


def _is_dead_letter(span: Span) -> bool:
    return str(span.attributes.get("messaging.destination.name", "")).endswith(".dlq")
