"""An item of the table, and what one order does to it: no I/O, so that the whole rule is read in one place."""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from vshop.kit.events import NewOrder

RECENT = 100  # order ids an item remembers


class Outcome(StrEnum):
    """What became of an order."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SOLD_OUT = "sold_out"


class Position(NamedTuple):
    """Where a record lies: partition and offset; and where the record lay of which it is a replay, when it is one."""

    partition: int
    offset: int
    replay_of: str | None = None


class StockItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item: pieces left and ordered, a version for conditional writes, and what it takes to recognise an order seen before.

    ``applied`` maps a partition to the last offset that is in ``stock``; ``replayed`` names dead-lettered records that are;
    ``recent`` the last order ids.
    """

    id: str
    name: str
    stock: int
    ordered: int = 0
    version: int = 0
    applied: dict[str, int] = {}
    replayed: list[str] = []
    recent: list[str] = []

    def has_seen(self, order: NewOrder, position: Position) -> bool:
        """Tell whether the order is in the stock already: redelivered, replayed before, or sent twice by its client."""
        return (
            position.offset <= self.applied.get(str(position.partition), -1)
            or (position.replay_of is not None and position.replay_of in self.replayed)
            or order.order_id in self.recent
        )

    def after(self, order: NewOrder, position: Position) -> "StockItem":
        """Return the item with the order in it: stock, version and the order's place change in one write."""
        return msgspec.structs.replace(
            self,
            stock=self.stock - order.quantity,
            ordered=self.ordered + order.quantity,
            version=self.version + 1,
            applied={**self.applied, str(position.partition): position.offset},
            replayed=[*self.replayed, position.replay_of] if position.replay_of else self.replayed,
            recent=[*self.recent, order.order_id][-RECENT:],
        )
