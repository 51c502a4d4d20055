"""Holds the table against what the shoppers were promised, item by item: which orders are lost, which counted twice."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from loadtest.ledger import Accepted, Unsure
from loadtest.tally import Tally


class Level(msgspec.Struct, frozen=True):
    """What the table says of an item: pieces in stock, and its version, which counts the orders that were taken from it."""

    stock: int
    version: int


class Balance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One item's account, in orders and in pieces."""

    item: int
    before: int
    """Pieces in stock."""
    after: int
    accepted_orders: int
    accepted_pieces: int
    sold_out_orders: int = 0
    """Accepted, and handled by being told that the stock does not suffice."""
    sold_out_pieces: int = 0
    dead_orders: int = 0
    dead_pieces: int = 0
    unsure_orders: int = 0
    """Given up by their shoppers, and in the stock all the same: Kafka had them."""
    unsure_pieces: int = 0
    handled_orders: int
    """Taken from the stock, by the item's version."""

    @property
    def orders_due(self) -> int:
        """How many orders should have been taken from the stock."""
        return self.accepted_orders - self.sold_out_orders - self.dead_orders + self.unsure_orders

    @property
    def expected(self) -> int:
        """Pieces that should be in stock."""
        return self.before - (self.accepted_pieces - self.sold_out_pieces - self.dead_pieces + self.unsure_pieces)

    @property
    def difference(self) -> int:
        """Pieces in stock beyond those that should be: more than 0, orders are lost; less, they were counted twice."""
        return self.after - self.expected

    @property
    def lost(self) -> int:
        """Orders that were accepted, and are neither in the stock nor anywhere else."""
        return max(0, self.orders_due - self.handled_orders)

    @property
    def doubled(self) -> int:
        """Orders in the stock beyond those that should be."""
        return max(0, self.handled_orders - self.orders_due)

    @property
    def even(self) -> bool:
        """Whether the account is exact, in orders and in pieces."""
        return self.difference == 0 and self.handled_orders == self.orders_due


def levels(items: Iterable[Mapping[str, Any]]) -> dict[int, Level]:
    """Read the table as ``GET /stock`` tells it."""
    return {item["id"]: Level(item["stock"], item["version"]) for item in items}


def balance(
    before: Mapping[int, Level],
    after: Mapping[int, Level],
    tally: Tally,
    sold_out: Iterable[Accepted] = (),
    dead: Iterable[Accepted] = (),
    unsure: Iterable[Unsure] = (),
) -> list[Balance]:
    """Make up the account of every item.

    Args:
        before: the table before the first order.
        after: the table when everything was handled.
        tally: what was accepted.
        sold_out: the accepted orders that were handled so, by their traces.
        dead: the accepted orders that are dead letters.
        unsure: the orders that were given up and are in the stock.
    """
    told, letters, given_up = _by_item(sold_out), _by_item(dead), _by_item(unsure)
    return [
        Balance(
            item=item,
            before=before[item].stock,
            after=after[item].stock,
            accepted_orders=tally.orders[item],
            accepted_pieces=tally.pieces[item],
            sold_out_orders=len(told[item]),
            sold_out_pieces=sum(told[item]),
            dead_orders=len(letters[item]),
            dead_pieces=sum(letters[item]),
            unsure_orders=len(given_up[item]),
            unsure_pieces=sum(given_up[item]),
            handled_orders=after[item].version - before[item].version,
        )
        for item in sorted(before)
    ]


def _by_item(orders: Iterable[Accepted | Unsure]) -> defaultdict[int, list[int]]:
    """Return the pieces of each order, by item."""
    found = defaultdict[int, list[int]](list)
    for order in orders:
        found[order.item_id].append(order.quantity)
    return found
