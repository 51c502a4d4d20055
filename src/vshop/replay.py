"""Replays dead letters and follows each to its end: in the stock, or a dead letter again."""

from collections.abc import Iterable

import msgspec

from vshop.client import ShopClient, ShopError
from vshop.verify.pace import Pace

_NEVER = 422  # the record is no order, and never will be


class Replay(msgspec.Struct, kw_only=True, rename="camel"):
    """What came of one dead letter.

    Attributes:
        id: the letter's, ``partition-offset`` on its own topic.
        replayed: whether it was put back on the topic of new orders.
        partition: where it lies there; None when it was not put back.
        offset: likewise.
        handled: whether the order is in the stock.
        error: why it is not, where something said so.
    """

    id: str
    replayed: bool = False
    partition: int | None = None
    offset: int | None = None
    handled: bool = False
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.handled or self.error is not None


def replay(shop: ShopClient, letter_ids: Iterable[str], timeout_s: float, pace: Pace | None = None) -> list[Replay]:
    """Put dead letters back on the topic of new orders, and wait until stock-updater is done with each.

    Args:
        shop: whose letters.
        letter_ids: which. One that can never be handled does not keep back those after it.
        timeout_s: how long to wait for all of them, in seconds; 0 does not wait.
        pace: the clock to wait by.

    Returns:
        What came of each, in the same order; neither handled nor an error: it still waited in the end.

    Raises:
        ShopError: stock-updater cannot be reached, or there is no such letter.
    """
    replays = [_put_back(shop, letter_id) for letter_id in letter_ids]

    def all_ended() -> bool:
        if waiting := [one for one in replays if not one.ended]:
            _look(shop, waiting)
        return all(one.ended for one in waiting)

    (pace or Pace()).until(all_ended, timeout_s)
    return replays


def _put_back(shop: ShopClient, letter_id: str) -> Replay:
    try:
        answer = shop.replay(letter_id)
    except ShopError as error:
        if error.status != _NEVER:
            raise
        return Replay(id=letter_id, error=str(error))
    return Replay(
        id=letter_id,
        replayed=answer["replayed"],
        partition=answer["partition"],
        offset=answer["offset"],
        handled=not answer["replayed"],  # it is not put back when it is in the stock already
    )


def _look(shop: ShopClient, waiting: list[Replay]) -> None:
    letters = shop.dead_letters()
    handled = {letter["id"] for letter in letters if letter["handled"]}
    again = {(letter["partition"], letter["offset"]): letter for letter in letters}
    for one in waiting:
        if one.id in handled:
            one.handled = True
        elif letter := again.get((one.partition, one.offset)):
            one.error = f"{letter['errorType']}: {letter['errorMessage']}"
