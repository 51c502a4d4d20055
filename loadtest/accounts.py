"""Follows a load from its first order to the report: reads the ledger, has the traces judged, makes up the accounts."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from loadtest.drops import Drops
from loadtest.faults import Fault, explain, explain_letter
from loadtest.ledger import Source, Unsure
from loadtest.reckoning import Level, balance, levels
from loadtest.report import Letter, Report
from loadtest.swarm import Load
from loadtest.tally import Tally
from loadtest.watching import Watcher
from loadtest.witness import Witness
from vshop.addresses import Addresses
from vshop.client import ShopClient, ShopError
from vshop.kit.events import OrderRequest, order_id
from vshop.traces import TraceReader

_LOOK_S = 0.5
_WITNESS_S = 1.0  # an item takes no more than some dozens of orders in that time
_READERS = 3  # traces are read at the pace at which orders come, also while some answers take long


class Accounts:
    """The accounts of one load. Begin them before its first order."""

    def __init__(self, addresses: Addresses, patience_s: float) -> None:
        """Read the table and the dead letters as they are before.

        Args:
            addresses: of the shop.
            patience_s: how long a trace, and the shop as a whole, may take to catch up, in seconds.

        Raises:
            ShopError: there is no shop.
        """
        self._client = ShopClient(addresses)
        self._counting = ShopClient(addresses)  # the one that another thread may use
        self._reader = TraceReader(addresses.traces)
        self._patience_s = patience_s
        items = self._client.stock()
        self._before, self._witness, self._witnessed_at = levels(items), Witness(items), time.monotonic()
        self._letters_before = {letter["id"] for letter in self._client.dead_letters()}
        self._drops, self._drops_at = Drops(self._client), time.monotonic()
        self.began = time.time()
        self.tally = Tally()
        self.watcher = Watcher([TraceReader(addresses.traces) for _ in range(_READERS)], patience_s)

    def take(self, source: Source) -> None:
        """Take over what is new in the ledger."""
        for line in source.read():
            self.tally.take(line)
            if (order := self.tally.just_accepted) is not None:
                self.watcher.add(order)
        if time.monotonic() - self._witnessed_at > _WITNESS_S:
            self._look()
        if time.monotonic() - self._drops_at > 30:
            self._drops.look()
            self._drops_at = time.monotonic()

    def handled(self) -> int | None:
        """Return how many orders were taken from the stock so far; None while nobody can tell."""
        with contextlib.suppress(ShopError):
            return self._taken(levels(self._counting.stock()))
        return None

    def _taken(self, now: Mapping[int, Level]) -> int:
        return sum(now[item].version - before.version for item, before in self._before.items())

    def _look(self) -> int | None:
        """Let the witness look at the table; return how many orders were taken from it so far, None while nobody can tell."""
        taken = None
        with contextlib.suppress(ShopError):
            items = self._client.stock()
            self._witness.look(items)
            taken = self._taken(levels(items))
        self._witnessed_at = time.monotonic()
        return taken

    def close(self, load: Load, faults: Sequence[Fault], tell: Callable[[str], None]) -> Report:
        """Wait until everything is handled and judged, and make up the accounts.

        Args:
            load: what was asked of the shoppers.
            faults: what was done to the shop.
            tell: told what is waited for.
        """
        tell("waiting until everything is handled")
        self._await_handled()
        settled_at = time.time()
        tell("judging the last traces")
        self.watcher.close(self._patience_s + 30)
        return self._report(load, faults, settled_at)

    def _await_handled(self) -> None:
        """Wait until every accepted order is in the stock, sold out or a dead letter, or until nothing moves any more."""
        moved, last = time.monotonic(), -1
        while time.monotonic() - moved < self._patience_s:
            handled = self._look()
            if handled is not None and handled != last:
                moved, last = time.monotonic(), handled
            others = len(self.watcher.sold_out) + len(self._letters()) if handled is not None else 0
            if last + others >= self.tally.accepted:
                return
            time.sleep(_LOOK_S)

    def _letters(self) -> list[dict[str, Any]]:
        return [letter for letter in self._client.dead_letters() if letter["id"] not in self._letters_before]

    def _report(self, load: Load, faults: Sequence[Fault], settled_at: float) -> Report:
        tally, watcher = self.tally, self.watcher
        letters = self._letters()
        dead = [order for letter in letters if (order := tally.of_letter(letter))]
        table = self._client.stock()
        self._witness.look(table)
        unsure = [order for order in tally.unsure if self._is_in_stock(order)]
        items = balance(self._before, levels(table), tally, watcher.sold_out, dead, unsure)
        elsewhere = {order.order_id for order in (*watcher.sold_out, *dead)}
        named = self._witness.compare(tally.by_id.keys(), elsewhere, {_id(order) for order in unsure})
        self._drops.look()
        sold_out = sum(item.sold_out_orders for item in items)
        return Report(
            load=msgspec.to_builtins(load),
            started=datetime.fromtimestamp(self.began, UTC).isoformat(timespec="seconds"),
            seconds=round(tally.last_at - tally.first_at, 1),
            settled_seconds=round(settled_at - (tally.first_at or settled_at), 1),
            accepted=tally.accepted,
            handled=sum(item.handled_orders for item in items) + sold_out,
            sold_out=sold_out,
            lost=max(sum(item.lost for item in items), len(named.lost)),
            lost_orders=named.lost,
            doubled=max(sum(item.doubled for item in items), len(named.doubled) + len(named.of_others)),
            doubled_orders=named.doubled,
            of_others=len(named.of_others),
            unseen=self._witness.unseen,
            dead_letters=[
                Letter(
                    id=letter["id"],
                    error=f"{letter['errorType']}: {letter['errorMessage']}"[:200],
                    order_id=order.order_id if (order := tally.of_letter(letter)) else None,
                    cause=explain_letter(letter["time"], order, faults),
                )
                for letter in letters
            ],
            refused=dict(tally.refused),
            retried=dict(tally.retried),
            unsure=len(tally.unsure),
            most_between_tries=tally.most_between_tries(),
            traces_whole=watcher.whole,
            traces_broken=[explain(broken, faults) for broken in watcher.broken],
            traces_not_judged=len(watcher.pending()),
            traces_doubled=[order.trace_id for order in watcher.doubled],
            wrongly_answered=[f"{line.wrong}: 202" for line in tally.wrongly_accepted]
            + [f"{line.wrong}: {line.status}" for line in tally.wrongly_refused],
            telemetry_lost=self._drops.lost(),
            items=items,
            faults=list(faults),
        )

    def _is_in_stock(self, order: Unsure) -> bool:
        """Say whether an order that was given up was handled after all: the table took it, or a trace shows it."""
        return _id(order) in self._witness.taken or bool(self._reader.of_order(_id(order)))


def _id(order: Unsure) -> str:
    """Return the id that the shop made for an order whose answer did not come."""
    asked = OrderRequest(item_id=order.item_id, username=order.username, quantity=order.quantity, discount_code=order.discount_code)
    return order_id(asked, order.key)
