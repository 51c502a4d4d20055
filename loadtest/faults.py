"""What was done to the shop while orders came in, and which gap in a trace that explains."""

import time
from collections.abc import Iterable

import msgspec

from loadtest.ledger import Accepted
from loadtest.watching import Broken
from vshop.client import ShopClient
from vshop.incidents.loader import load_catalogue
from vshop.incidents.runs import runs

_BEFORE_S, _AFTER_S = 15.0, 3.0
_ROUND_S = 1.0


class Fault(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that was done: to which part, when, and when the part was itself again; times in seconds since the epoch."""

    part: str
    what: str
    """``killed``, ``restarted`` or ``under <incident>``."""
    at: float
    back_at: float
    oldest_at: float = 0.0
    """When the oldest order was accepted whose trace had not been read whole by then; 0 when nobody knows."""
    accepted: int = 0
    """How many orders had been accepted by then."""


class Explained(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A broken trace: what is missing, and the fault that took it away, if one did."""

    order_id: str
    trace_id: str
    accepted_at: float
    missing: str
    cause: str | None


def explain(broken: Broken, faults: Iterable[Fault]) -> Explained:
    """Find what took a trace's spans away.

    A process that is killed takes along the spans that it has not exported; the observatory takes along all that it holds, so it
    explains a gap of any service. Kafka and DynamoDB have no spans of their own, and explain none. An order is concerned when it
    was accepted while the part was away, or before and its trace had not been read whole yet; where nobody knows that, up to
    fifteen seconds before. An incident explains any gap of an order that was accepted while it was on.

    Args:
        broken: the trace.
        faults: everything that was done.
    """
    order = broken.order
    cause = f"{order.incident}, on for this order" if order.incident else _cause(order, broken.missing.split(" ", 1)[0], faults)
    return Explained(order_id=order.order_id, trace_id=order.trace_id, accepted_at=order.at, missing=broken.missing, cause=cause)


def explain_letter(time_s: float, order: Accepted | None, faults: Iterable[Fault]) -> str | None:
    """Find what made an order a dead letter: an incident of its own, or one that was on for all.

    A process that is killed explains none: what it did not finish is to be delivered again.

    Args:
        time_s: when it was dead-lettered, in seconds since the epoch.
        order: the accepted order, where it is known.
        faults: everything that was done.
    """
    if order is not None and order.incident:
        return f"{order.incident}, on for this order"
    under = (fault for fault in faults if fault.what.startswith("under ") and fault.at <= time_s <= fault.back_at + _AFTER_S)
    return next((f"{fault.part} {fault.what}" for fault in under), None)


def _cause(order: Accepted, service: str, faults: Iterable[Fault]) -> str | None:
    for fault in faults:
        if fault.what.startswith("under "):
            concerned = fault.at - _ROUND_S <= order.at <= fault.back_at + _ROUND_S
        else:
            concerned = (fault.oldest_at or fault.at - _BEFORE_S) <= order.at <= fault.back_at + _AFTER_S
            concerned = concerned and fault.part in {service, "observatory", "jaeger"}
        if concerned:
            return f"{fault.part} {fault.what} {fault.at - order.at:+.1f} s after the order"
    return None


def under_incidents(client: ShopClient, since_s: float) -> list[Fault]:
    """Read from the chaos board's journal which incidents were on for everybody.

    Args:
        client: of the shop.
        since_s: leaves out what was over by then, in seconds since the epoch.
    """
    catalogue = load_catalogue()
    found = []
    for run in runs(client.journal(), catalogue, twins=True):
        switch, back_at = catalogue[run.incident].switch, run.recovered_at or time.time()
        if switch is not None and back_at >= since_s:
            part = switch.services[0]
            found.append(Fault(part=part, what=f"under {run.incident}", at=run.injected_at, back_at=back_at))
    return found
