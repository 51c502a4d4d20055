"""The exactly-once rule: how an order changes an item, and how the item recognises it. No I/O."""

import base64
import hashlib
from enum import StrEnum
from typing import NamedTuple

import msgspec

from vshop.kit.order import NewOrder

RECENT = 100  # number of order ids that an item stores
EARLIER = 300  # number of digests of the order ids before them: 400 orders in all (docs/adr/0011-four-hundred-order-ids.md)
_DIGEST = 8  # characters


def digest(order_id: str) -> str:
    """Return 48 bits of an order id: a new order has the digest of one of 300 others once in 10^12 orders."""
    return base64.b64encode(hashlib.sha256(order_id.encode()).digest()[:6]).decode()


class OrderOutcome(StrEnum):
    """Value of ``shop.order.outcome``."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SOLD_OUT = "sold_out"


class RecordPosition(NamedTuple):
    """A record's place. ``replay_of``: the id of the original record.

    ``log_id`` tells apart partitions of the same number: empty for the first topic that the table knew.
    """

    partition: int
    offset: int
    replay_of: str | None = None
    log_id: str = ""

    @property
    def key(self) -> str:
        """The key of ``StockItem.applied``."""
        return f"{self.partition}@{self.log_id}" if self.log_id else str(self.partition)


class TablePosition(NamedTuple):
    """How far the table is on a partition: each record below ``offset`` is applied, sold out, a duplicate or a dead letter.

    It is written after the records, so it may lag behind the items and is never ahead of them.
    """

    topic_id: str
    log_id: str
    offset: int


class StockItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item: pieces in stock and ordered, a version for conditional writes, and the orders that ``stock`` includes.

    ``applied`` maps a partition (``RecordPosition.key``) to the last offset included, ``replayed`` lists the order ids of replayed
    dead letters, ``recent`` the last order ids, and ``earlier`` the digests of those before them, one after another.
    """

    id: str
    name: str
    stock: int
    ordered: int = 0
    version: int = 0
    applied: dict[str, int] = {}
    replayed: list[str] = []
    recent: list[str] = []
    earlier: str = ""

    def remembers(self, order_id: str) -> bool:
        """Return whether the order is among the item's last 400, or all replayed dead letters."""
        if order_id in self.recent or order_id in self.replayed:
            return True
        if not self.earlier:
            return False
        wanted = digest(order_id)
        return any(self.earlier.startswith(wanted, start) for start in range(0, len(self.earlier), _DIGEST))

    def includes(self, order: NewOrder, position: RecordPosition) -> bool:
        """Return whether the stock includes the order: it was redelivered, replayed before, or sent twice by its client."""
        return position.offset <= self.applied.get(position.key, -1) or self.remembers(order.order_id)

    def after(self, order: NewOrder, position: RecordPosition) -> "StockItem":
        """Return the item after the order: stock, version and position change in one write."""
        evicted = self.recent[: max(0, len(self.recent) + 1 - RECENT)]
        others = {key: offset for key, offset in self.applied.items() if key.partition("@")[0] != str(position.partition)}
        return msgspec.structs.replace(
            self,
            stock=self.stock - order.quantity,
            ordered=self.ordered + order.quantity,
            version=self.version + 1,
            applied={**others, position.key: position.offset},
            replayed=[*self.replayed, order.order_id] if position.replay_of else self.replayed,
            recent=[*self.recent, order.order_id][-RECENT:],
            earlier=(self.earlier + "".join(map(digest, evicted)))[-EARLIER * _DIGEST :],
        )
