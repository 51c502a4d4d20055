"""Back to a clean shop between two exercises, with nothing restarted."""

import time

import msgspec

from vshop.client import ShopClient


class Reset(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a reset did."""

    switched_off: list[str]
    items: int
    """Items whose stock was filled up."""
    dead_letters: int
    traces: int
    log_records: int
    metric_points: int
    journal_lines: int
    jaeger_keeps_its_traces: bool
    """A real Jaeger stands beside the observatory, and has no way to forget."""
    seconds: float


def reset(client: ShopClient) -> Reset:
    """Switch everything off, fill the stock up, remove the dead letters, empty the observatory, begin the journal anew.

    Orders that wait on the topic are handled first: switched off comes before the stock, or a consumer that stands still
    would never get there. Telemetry comes last, so that it holds nothing of the reset itself.

    Args:
        client: speaks to the shop.

    Raises:
        ShopError: a part cannot be reached, or orders cannot be handled; what was done until then stays done.
    """
    began = time.monotonic()
    if client.exercise()["running"]:
        client.exercise("DELETE")
    off = client.switch_all_off()["off"]
    stock = client.reset_stock()
    lines = client.begin_journal_anew()
    cleared = client.clear_telemetry()
    return Reset(
        switched_off=off,
        items=stock["items"],
        dead_letters=stock["deadLetters"],
        traces=cleared["traces"],
        log_records=cleared["logRecords"],
        metric_points=cleared["metricPoints"],
        journal_lines=lines,
        jaeger_keeps_its_traces=client.addresses.traces != client.addresses.observatory,
        seconds=round(time.monotonic() - began, 3),
    )
