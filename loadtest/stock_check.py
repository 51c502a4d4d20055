"""Compares the stock table with the accepted orders."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from loadtest.order_log import Accepted, OrderCounts, Unanswered


class StockLevel(msgspec.Struct, frozen=True):
    """An item's stock, and its version, which counts applied orders."""

    stock: int
    version: int


class ItemBalance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    item: int
    before: int
    after: int
    accepted_orders: int
    accepted_pieces: int
    sold_out_orders: int = 0
    sold_out_pieces: int = 0
    dead_orders: int = 0
    dead_pieces: int = 0
    unsure_orders: int = 0
    unsure_pieces: int = 0
    handled_orders: int

    @property
    def orders_due(self) -> int:
        return self.accepted_orders - self.sold_out_orders - self.dead_orders + self.unsure_orders

    @property
    def expected(self) -> int:
        return self.before - (self.accepted_pieces - self.sold_out_pieces - self.dead_pieces + self.unsure_pieces)

    @property
    def difference(self) -> int:
        """Positive if orders are lost, negative if they were applied twice."""
        return self.after - self.expected

    @property
    def lost(self) -> int:
        return max(0, self.orders_due - self.handled_orders)

    @property
    def doubled(self) -> int:
        return max(0, self.handled_orders - self.orders_due)

    @property
    def even(self) -> bool:
        return self.difference == 0 and self.handled_orders == self.orders_due


def read_levels(items: Iterable[Mapping[str, Any]]) -> dict[int, StockLevel]:
    return {item["id"]: StockLevel(item["stock"], item["version"]) for item in items}


def compare_stock(
    before: Mapping[int, StockLevel],
    after: Mapping[int, StockLevel],
    tally: OrderCounts,
    sold_out: Iterable[Accepted] = (),
    dead: Iterable[Accepted] = (),
    unsure: Iterable[Unanswered] = (),
) -> list[ItemBalance]:
    """Compare expected and actual stock of every item.

    ``sold_out`` and ``dead`` are accepted orders; ``unsure`` ones got no answer, but were applied.
    """
    sold_out_pieces, dead_pieces, unsure_pieces = _by_item(sold_out), _by_item(dead), _by_item(unsure)
    return [
        ItemBalance(
            item=item,
            before=before[item].stock,
            after=after[item].stock,
            accepted_orders=tally.orders[item],
            accepted_pieces=tally.pieces[item],
            sold_out_orders=len(sold_out_pieces[item]),
            sold_out_pieces=sum(sold_out_pieces[item]),
            dead_orders=len(dead_pieces[item]),
            dead_pieces=sum(dead_pieces[item]),
            unsure_orders=len(unsure_pieces[item]),
            unsure_pieces=sum(unsure_pieces[item]),
            handled_orders=after[item].version - before[item].version,
        )
        for item in sorted(before)
    ]


def _by_item(orders: Iterable[Accepted | Unanswered]) -> defaultdict[int, list[int]]:
    found = defaultdict[int, list[int]](list)
    for order in orders:
        found[order.item_id].append(order.quantity)
    return found


REMEMBERED = 100  # order ids that an item remembers, see `stock_updater.item`


class OrderDifferences(NamedTuple):
    lost: list[str]
    """Empty if unknown because some orders went unseen."""
    doubled: list[str]
    """One that was applied three times is listed twice."""
    of_others: list[str]


class AppliedOrders:
    """Ids of the orders applied from now on, by polling each item's recent orders."""

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        self.taken: Counter[str] = Counter()  # by order id, how often it was applied
        self.unseen = 0  # upper bound of the ids that were evicted between two polls
        self._last = {item["id"]: (item["version"], list(item["recent"])) for item in items}

    def look(self, items: Iterable[Mapping[str, Any]]) -> None:
        for item in items:
            version, before = self._last[item["id"]]
            now, versions = list(item["recent"]), item["version"] - version
            if versions < 0 and now and now[-1] in before:  # the table was rolled back: these are applied again
                self.taken -= Counter(before[before.index(now[-1]) + 1 :])
                self._last[item["id"]] = (item["version"], now)
                continue
            new = _new(before, now, versions)
            self.taken.update(new)
            if len(new) == len(now) >= REMEMBERED:  # no id of the last poll is left
                self.unseen += max(0, versions - len(new))
            self._last[item["id"]] = (item["version"], now)

    def compare(self, accepted: Collection[str], elsewhere: Collection[str], unsure: Collection[str]) -> OrderDifferences:
        """Compare applied and accepted ids.

        Those `elsewhere` were sold out or are dead letters; those `unsure` got no answer and may have been applied.
        """
        missing = [one for one in accepted if one not in self.taken and one not in elsewhere]
        doubled = [one for one, times in self.taken.items() for _ in range(times - 1)]
        of_others = [one for one in self.taken if one not in accepted and one not in unsure]
        return OrderDifferences([] if self.unseen else missing, doubled, of_others)


def _new(before: list[str], now: list[str], versions: int) -> list[str]:
    for count in range(min(versions, len(now)) + 1):
        grown = before + now[len(now) - count :]
        if len(grown) >= len(now) and grown[len(grown) - len(now) :] == now:
            return now[len(now) - count :]
    return now
