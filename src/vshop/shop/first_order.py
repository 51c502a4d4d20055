"""Follows one order end to end, and names the broken hop."""

import time
from collections.abc import Callable

import msgspec

from vshop.kit.times import Clock
from vshop.shop.client import Placed, ShopClient, ShopError
from vshop.shop.traces import Trace, TraceError, TraceReader, missing_hop


class BrokenHopError(Exception):
    """An order was not processed; the message names the hop."""


class Followed(msgspec.Struct, frozen=True):
    """A processed order, and the seconds until it was processed and whole. Unless ``telemetry`` is ``sdk``, it has no trace."""

    placed: Placed
    trace: Trace | None
    seconds: float
    telemetry: str = "sdk"


def follow(client: ShopClient, reader: TraceReader, timeout_s: float = 20.0, item_id: int = 0) -> Followed:
    """Order one piece and wait until it is in the stock and its trace whole and without errors. Raises BrokenHopError."""
    started = time.monotonic()
    try:
        telemetry = client.telemetry_mode()
        placed = client.place_order(item_id=item_id, quantity=1, headers={"User-Agent": "vshop-synthetic"})
    except ShopError as error:
        raise BrokenHopError(f"Broken hop: shopper → {error.hop}. {error}") from error
    if not placed.accepted:
        hop = placed.body.get("hop", "orders")
        raise BrokenHopError(f"Broken hop: orders → {hop}. The order was answered {placed.status}: {placed.body.get('detail')}")

    def left() -> float:
        return max(0.0, started + timeout_s - time.monotonic())

    trace = _wait_whole(client, reader, placed, left) if telemetry == "sdk" else None
    if trace is None:
        _wait_handled(client, placed, item_id, left)
    return Followed(placed, trace, time.monotonic() - started, telemetry)


def _wait_whole(client: ShopClient, reader: TraceReader, placed: Placed, left: Callable[[], float]) -> Trace:
    try:
        complete = client.flush(within_s=left()).complete
        trace = reader.wait_whole(placed.trace_id, placed.order_id, 0.0 if complete else left())
    except TraceError as error:
        raise BrokenHopError(f"Broken hop: {_after(error.trace)}. The order was accepted, but: {error}") from error
    failed = [span for span in trace.spans if span.status == "ERROR"]
    if failed:
        worst = failed[-1]
        raise BrokenHopError(
            f"Broken hop: {worst.service}, {worst.name}: {worst.status_message or worst.attributes.get('error.type')}"
        )
    return trace


def _wait_handled(client: ShopClient, placed: Placed, item_id: int, left: Callable[[], float]) -> None:
    try:
        client.flush(("stock-updater",), within_s=left())
        if Clock().poll(lambda: placed.order_id in client.item(item_id)["recent"], left()):
            return
        letters = [letter for letter in client.dead_letters() if str(placed.order_id) in str(letter["value"])]
    except ShopError as error:
        raise BrokenHopError(f"Broken hop: shopper → {error.hop}. {error}") from error
    reason = f"it is a dead letter: {letters[-1]['errorMessage']}" if letters else "the stock does not include it"
    raise BrokenHopError(f"Broken hop: Kafka → stock-updater. The order was accepted, but {reason}.")


def _after(trace: Trace | None) -> str:
    missing = (missing_hop(trace) if trace else None) or ""
    if "CONSUMER" in missing:
        return "Kafka → stock-updater"
    return "auth-stub → traces" if "auth-stub" in missing else "orders → traces"
