"""Accounts for every order of a load test."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import requests

from loadtest.order_log import OrderCounts, Source, Unanswered
from loadtest.report import DeadLetter, Fault, Report, explain, explain_letter, is_applied_again
from loadtest.stock_check import AppliedOrders, StockLevel, compare_stock, read_levels
from loadtest.swarm import Load
from loadtest.trace_check import TraceChecker
from vshop.kit.order import OrderRequest, make_order_id
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.traces import TraceReader

_LOST = "shop.telemetry.lost"
_COUNTERS = {
    "otel.sdk.processor.span.processed": "spans that found no room in a service's queue",
    _LOST: "spans and log records that a service could not export",
    "otel.sdk.processor.log.processed": "log records that found no room in a service's queue",
}
_STORE = {"refusedSpans": "spans that the observatory refused", "droppedTraces": "old traces that made room in the observatory"}
EVICTED_TRACES = _STORE["droppedTraces"]  # not lost: each trace is checked while it is fresh


class TelemetryLoss:
    """Adds up loss counters across restarts. Call `look` every 30 s, because old points are evicted."""

    def __init__(self, client: ShopClient) -> None:
        self._client = client
        self._seen: dict[tuple[str, ...], float] = {}
        self._lives, self._received = 0, 0
        self.look()
        self._before = self._sums()

    def look(self) -> None:
        """Read the counters, if the observatory can be reached."""
        with contextlib.suppress(ShopError, requests.RequestException):
            for name, what in _COUNTERS.items():
                for series in self._client.metrics(name):
                    if name == _LOST or "error.type" in series["attributes"]:
                        for point in series["points"]:
                            life = (series["service"], str(sorted(series["attributes"].items())), str(point["startTime"]))
                            self._note(what, *life, count=point["value"])
            counts = self._client.telemetry()["traces"]
            self._lives += counts["receivedSpans"] < self._received  # a new process counts from 0
            self._received = counts["receivedSpans"]
            for name, what in _STORE.items():
                self._note(what, str(self._lives), count=counts[name])

    def lost(self) -> dict[str, int]:
        return {what: int(count) for what, count in (self._sums() - self._before).items()}

    def _note(self, *life: str, count: float) -> None:
        self._seen[life] = max(count, self._seen.get(life, 0))

    def _sums(self) -> Counter[str]:
        sums = Counter[str]()
        for (what, *_), count in self._seen.items():
            sums[what] += int(count)
        return sums


_LOOK_S = 0.5
_STOCK_INTERVAL_S = 1.0  # an item gets some dozens of orders in this time, and remembers 100
_READERS = 3  # reads traces as fast as orders come in, even when some answers are slow


class Accounting:
    """Collects the results. Create it before the first order."""

    def __init__(self, addresses: Addresses, patience_s: float) -> None:
        """Read the initial stock and dead letters. Waits for a trace, or for the shop to catch up, take ``patience_s`` at most."""
        self._client = ShopClient(addresses)
        self._counting = ShopClient(addresses)  # used by the torture thread
        self._reader = TraceReader(addresses.traces)
        self._patience_s = patience_s
        items = self._client.stock()
        self._before, self._applied, self._stock_read_at = read_levels(items), AppliedOrders(items), time.monotonic()
        self._letters_before = {letter["id"] for letter in self._client.dead_letters()}
        self._loss, self._loss_read_at = TelemetryLoss(self._client), time.monotonic()
        self.began = time.time()
        self.tally = OrderCounts()
        self.trace_checker = TraceChecker([TraceReader(addresses.traces) for _ in range(_READERS)], patience_s)

    def take(self, source: Source) -> None:
        for line in source.read():
            self.tally.take(line)
            if (order := self.tally.just_accepted) is not None:
                self.trace_checker.add(order)
        if time.monotonic() - self._stock_read_at > _STOCK_INTERVAL_S:
            self._look()
        if time.monotonic() - self._loss_read_at > 30:
            self._loss.look()
            self._loss_read_at = time.monotonic()

    def handled(self) -> int | None:
        """Return how many orders were applied; None while the shop is unreachable."""
        with contextlib.suppress(ShopError):
            return self._taken(read_levels(self._counting.stock()))
        return None

    def _taken(self, now: Mapping[int, StockLevel]) -> int:
        return sum(now[item].version - before.version for item, before in self._before.items())

    def _look(self) -> int | None:
        taken = None
        with contextlib.suppress(ShopError):
            items = self._client.stock()
            self._applied.look(items)
            taken = self._taken(read_levels(items))
        self._stock_read_at = time.monotonic()
        return taken

    def close(self, load: Load, faults: Sequence[Fault], log: Callable[[str], None]) -> Report:
        """Wait until all orders are handled and all traces checked, and make the report."""
        log("waiting until all orders are handled")
        self._await_handled()
        settled_at = time.time()
        log("checking the last traces")
        self.trace_checker.close(self._patience_s + 30)
        return self._report(load, faults, settled_at)

    def _await_handled(self) -> None:
        moved, last = time.monotonic(), -1
        while time.monotonic() - moved < self._patience_s:
            handled = self._look()
            if handled is not None and handled != last:
                moved, last = time.monotonic(), handled
            others = len(self.trace_checker.sold_out) + len(self._letters()) if handled is not None else 0
            if last + others >= self.tally.accepted:
                return
            time.sleep(_LOOK_S)

    def _letters(self) -> list[dict[str, Any]]:
        return [letter for letter in self._client.dead_letters() if letter["id"] not in self._letters_before]

    def _report(self, load: Load, faults: Sequence[Fault], settled_at: float) -> Report:
        tally, watcher = self.tally, self.trace_checker
        letters = self._letters()
        dead = [order for letter in letters if (order := tally.of_letter(letter))]
        table = self._client.stock()
        self._applied.look(table)
        unsure = [order for order in tally.unsure if self._is_in_stock(order)]
        items = compare_stock(self._before, read_levels(table), tally, watcher.sold_out, dead, unsure)
        elsewhere = {order.order_id for order in (*watcher.sold_out, *dead)}
        named = self._applied.compare(tally.by_id.keys(), elsewhere, {_id(order) for order in unsure})
        self._loss.look()
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
            unseen=self._applied.unseen,
            dead_letters=[
                DeadLetter(
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
            traces_doubled=[order.trace_id for order in watcher.doubled if not is_applied_again(order, faults)],
            wrongly_answered=[f"{line.wrong}: 202" for line in tally.wrongly_accepted]
            + [f"{line.wrong}: {line.status}" for line in tally.wrongly_refused],
            telemetry_lost=self._loss.lost(),
            items=items,
            faults=list(faults),
        )

    def _is_in_stock(self, order: Unanswered) -> bool:
        return _id(order) in self._applied.taken or bool(self._reader.of_order(_id(order)))


def _id(order: Unanswered) -> str:
    request = OrderRequest(
        item_id=order.item_id, username=order.username, quantity=order.quantity, discount_code=order.discount_code
    )
    return make_order_id(request, order.key)
