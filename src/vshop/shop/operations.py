"""Replays dead letters, and resets a running shop."""

import time
from collections.abc import Iterable

import msgspec

from vshop.kit.times import Clock
from vshop.shop.client import ShopClient, ShopError

_NOT_AN_ORDER = 422  # the record can never be handled


class Replay(msgspec.Struct, kw_only=True, rename="camel"):
    """The result for one dead letter, whose ``id`` is ``partition-offset`` on its topic.

    ``partition`` and ``offset`` say where it was put back. ``handled``: the stock includes the order.
    """

    id: str
    replayed: bool = False
    partition: int | None = None
    offset: int | None = None
    handled: bool = False
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the result is final."""
        return self.handled or self.error is not None


def replay(shop: ShopClient, letter_ids: Iterable[str], timeout_s: float, clock: Clock | None = None) -> list[Replay]:
    """Put dead letters back, and wait until stock-updater has processed each.

    A result without ``handled`` and ``error`` was not processed in time.
    """
    replays = [_put_back(shop, letter_id) for letter_id in letter_ids]

    def all_ended() -> bool:
        if waiting := [one for one in replays if not one.ended]:
            _update(shop, waiting)
        return all(one.ended for one in waiting)

    (clock or Clock()).poll(all_ended, timeout_s)
    return replays


def _put_back(shop: ShopClient, letter_id: str) -> Replay:
    try:
        answer = shop.replay(letter_id)
    except ShopError as error:
        if error.status != _NOT_AN_ORDER:
            raise
        return Replay(id=letter_id, error=str(error))
    # An order that the stock already includes is not put back.
    return msgspec.convert(answer | {"id": letter_id, "handled": not answer["replayed"]}, Replay)


def _update(shop: ShopClient, waiting: list[Replay]) -> None:
    letters = shop.dead_letters()
    handled = {letter["id"] for letter in letters if letter["handled"]}
    again = {(letter["partition"], letter["offset"]): letter for letter in letters}
    for one in waiting:
        if one.id in handled:
            one.handled = True
        elif letter := again.get((one.partition, one.offset)):
            one.error = f"{letter['errorType']}: {letter['errorMessage']}"


class Reset(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The result of a reset."""

    switched_off: list[str]
    items: int
    dead_letters: int
    traces: int
    log_records: int
    metric_points: int
    journal_lines: int
    jaeger_keeps_its_traces: bool
    """A real Jaeger cannot delete traces."""
    seconds: float


def reset(client: ShopClient) -> Reset:
    """Switch everything off, refill the stock, remove dead letters, clear the journal and empty the observatory.

    Switches come first: a stalled consumer cannot process the orders that the stock's reset waits for. Telemetry comes last, so
    that it holds no trace of the reset.
    """
    began = time.monotonic()
    if client.exercise()["running"]:
        client.exercise("DELETE")
    done = {"switchedOff": client.switch_all_off()["off"]}
    done |= client.reset_stock()
    done |= {"journalLines": client.clear_journal()}
    done |= client.clear_telemetry()
    done |= {"jaegerKeepsItsTraces": client.addresses.traces != client.addresses.observatory}
    return msgspec.convert(done | {"seconds": round(time.monotonic() - began, 3)}, Reset)
