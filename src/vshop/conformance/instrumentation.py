"""Reports what instrumentation recorded of orders whose truth is known."""

import secrets
from collections.abc import Callable, Mapping, Sequence

import msgspec

from vshop.incidents.loader import load_incident
from vshop.incidents.verify.trigger_orders import send_trigger
from vshop.kit.telemetry import SHOP_SERVICES
from vshop.kit.times import Clock
from vshop.shop.client import ShopClient
from vshop.shop.hops import HOPS, HopReport, Window, find, report_hops, spans_when_calm
from vshop.shop.spans import Span
from vshop.shop.traces import TraceReader


class InstrumentationReport(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What was recorded of a good order, and of one failed order for each incident.

    ``traces``: over how many the good order is spread; 1 is unbroken. ``other_spans`` belong to no hop. ``other_services`` sent
    spans meanwhile, such as ``unknown_service``.
    """

    hops: list[HopReport]
    traces: int
    other_spans: int
    other_services: list[str] = []

    @property
    def complete(self) -> bool:
        """Whether every hop has a span below its parent, or linked to it."""
        return all(hop.parent in {"intact", "linked"} for hop in self.hops)


def measure(client: ShopClient, reader: TraceReader, tell: Callable[[str], None], calm_s: float = 6.0) -> InstrumentationReport:
    """Place a good order and one that fails for each incident, and report on them. Raises ShopError or TraceError.

    Nobody else may order: without intact links, spans belong to an order by their time. ``calm_s``: seconds without a new span
    after which an agent has exported everything.
    """
    clock, trace_id = Clock(), secrets.token_hex(16)
    windows: dict[str, Window] = {}
    for incident in ("", *dict.fromkeys(hop.fails_in for hop in HOPS if hop.fails_in)):
        tell(f"placing an order with {incident}" if incident else "placing a good order")
        token = client.token()
        start = clock.now()
        if incident:
            send_trigger(load_incident(incident).trigger, client, clock, incident)
        else:
            client.place_order(1, 1, token=token, headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"})
        client.flush()
        windows[incident] = (start, clock.now())
    tell(f"waiting until no span has arrived for {calm_s:g} s")
    spans = dict(zip(windows, spans_when_calm(reader, clock, list(windows.values()), calm_s), strict=True))
    return report(spans.pop(""), spans, trace_id)


def report(good: Sequence[Span], failed: Mapping[str, Sequence[Span]], trace_id: str) -> InstrumentationReport:
    """Compare all spans of a good order and of failed ones, by incident, with the hops."""
    by_hop = {hop.id: failed[hop.fails_in] for hop in HOPS if hop.fails_in in failed}
    used = {span.span_id: span.trace_id for hop in HOPS if (span := find(hop, good)) is not None}
    return InstrumentationReport(
        hops=report_hops(good, {trace_id}, by_hop),
        traces=len(set(used.values())),
        other_spans=len({span.span_id for span in good} - used.keys()),
        other_services=sorted({span.service for span in good} - {*SHOP_SERVICES, "console", "observatory"}),
    )
