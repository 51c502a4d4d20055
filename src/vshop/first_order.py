"""Places one synthetic order and follows it end to end: the proof that a shop works, or the name of the hop that does not."""

import time

import msgspec

from vshop.client import Placed, ShopClient, ShopError
from vshop.traces import Trace, TraceError, TraceReader


class BrokenHopError(Exception):
    """An order did not get through; the text names the hop, says what was seen there and where to look."""


class Followed(msgspec.Struct, frozen=True):
    """An order that got through: the answer, its whole trace, and the seconds from sending to seeing it whole."""

    placed: Placed
    trace: Trace
    seconds: float


def follow(client: ShopClient, reader: TraceReader, timeout_s: float = 20.0) -> Followed:
    """Place an order for one piece of item 0 and wait until its trace is whole and free of errors.

    Raises:
        BrokenHopError: it got stuck; the text names where.
    """
    started = time.monotonic()
    try:
        placed = client.place_order(item_id=0, quantity=1, headers={"User-Agent": "vshop-synthetic"})
    except ShopError as error:
        raise BrokenHopError(f"Broken hop: shopper → {error.hop}. {error}") from error
    if not placed.accepted:
        hop = placed.body.get("hop", "orders")
        raise BrokenHopError(f"Broken hop: orders → {hop}. The order was answered {placed.status}: {placed.body.get('detail')}")
    try:
        trace = reader.wait_whole(placed.trace_id, placed.order_id, timeout_s)
    except TraceError as error:
        raise BrokenHopError(f"Broken hop: {_after(str(error))}. The order was accepted, but: {error}") from error
    failed = [span for span in trace.spans if span.status == "ERROR"]
    if failed:
        worst = failed[-1]
        raise BrokenHopError(
            f"Broken hop: {worst.service}, {worst.name}: {worst.status_message or worst.attributes.get('error.type')}"
        )
    return Followed(placed, trace, time.monotonic() - started)


def _after(missing: str) -> str:
    if "CONSUMER" in missing.rsplit("Missing:", maxsplit=1)[-1]:
        return "Kafka → stock-updater"
    if "auth-stub SERVER" in missing:
        return "auth-stub → traces"
    return "orders → traces"
