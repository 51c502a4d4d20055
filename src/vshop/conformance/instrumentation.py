"""Reports, hop by hop, what instrumentation recorded of orders whose truth is known."""

import secrets
from collections.abc import Callable, Mapping, Sequence

import msgspec

from vshop.incidents.loader import load_incident
from vshop.incidents.verify.trigger_orders import send_trigger
from vshop.shop.client import ShopClient
from vshop.shop.clock import Clock
from vshop.shop.flush import EXPORTERS
from vshop.shop.hops import HOPS, HopReport, Window, find, report_hops, spans_when_calm
from vshop.shop.spans import Span
from vshop.shop.traces import TraceReader


class InstrumentationReport(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What was recorded of a good order and of one failed order for each incident.

    Attributes:
        hops: one report for each hop, in the sequence in which an order passes them.
        traces: number of traces over which the good order's spans are spread; 1 for an unbroken trace.
        other_spans: number of the good order's spans that belong to no hop.
        other_services: services beside the shop's that sent spans meanwhile, such as ``unknown_service``.
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
    """Place a good order and one that fails for each incident, and report what was recorded of them.

    Nobody else may order meanwhile: without intact links, spans belong to an order by their time.

    Args:
        client: the shop.
        reader: reads its traces.
        tell: receives a line of progress before each step.
        calm_s: seconds without a new span after which an agent has exported everything.

    Raises:
        ShopError: the shop cannot be reached.
        TraceError: traces cannot be read.
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
    """Compare spans with the hops.

    Args:
        good: all spans that the services recorded while they handled the good order.
        failed: by incident, all spans recorded while they handled an order that the incident breaks.
        trace_id: the trace id that the good order's caller sent in ``traceparent``.
    """
    by_hop = {hop.id: failed[hop.fails_in] for hop in HOPS if hop.fails_in in failed}
    used = {span.span_id: span.trace_id for hop in HOPS if (span := find(hop, good)) is not None}
    return InstrumentationReport(
        hops=report_hops(good, {trace_id}, by_hop),
        traces=len(set(used.values())),
        other_spans=len({span.span_id for span in good} - used.keys()),
        other_services=sorted({span.service for span in good} - {*EXPORTERS, "console", "observatory"}),
    )
