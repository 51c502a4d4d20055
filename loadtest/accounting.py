"""Accounts for every order of a load test, and prints its progress."""

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import requests
from rich.console import Console

from loadtest.report import EVICTED_TRACES, Fault, Report, dead_letter, explain, is_applied_again
from loadtest.stock_check import AppliedOrders, OrderCounts, compare_stock, read_levels
from loadtest.swarm import Accepted, Load, Swarm, Unanswered
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
_STORE = {"refusedSpans": "spans that the observatory refused", "droppedTraces": EVICTED_TRACES}


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
            for life, count in self._read():
                self._seen[life] = max(count, self._seen.get(life, 0))

    def lost(self) -> dict[str, int]:
        return dict(self._sums() - self._before)

    def _read(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for name, what in _COUNTERS.items():
            for series in self._client.metrics(name):
                if name == _LOST or "error.type" in series["attributes"]:
                    source = what, series["service"], str(sorted(series["attributes"].items()))
                    yield from (((*source, str(point["startTime"])), point["value"]) for point in series["points"])
        counts = self._client.telemetry()["traces"]
        self._lives += counts["receivedSpans"] < self._received  # a new process counts from 0
        self._received = counts["receivedSpans"]
        yield from (((what, str(self._lives)), counts[name]) for name, what in _STORE.items())

    def _sums(self) -> Counter[str]:
        sums = Counter[str]()
        for (what, *_), count in self._seen.items():
            sums[what] += int(count)
        return sums


_LOOK_S, _FOLLOW_S = 0.5, 0.25
_STOCK_INTERVAL_S = 1.0  # an item gets some dozens of orders in this time, and remembers 100
_LOSS_INTERVAL_S = 30.0
_READERS = 3  # reads traces as fast as orders come in, even when some answers are slow


class Accounting:
    """Collects the results. Create it before the first order."""

    def __init__(self, addresses: Addresses, patience_s: float) -> None:
        """Read the initial stock and dead letters. Waits for a trace, or for the shop to catch up, take ``patience_s`` at most."""
        self._client = ShopClient(addresses)
        self._reader = TraceReader(addresses.traces)
        self._patience_s = patience_s
        items = self._client.stock()
        self._before, self._applied, self._stock_read_at = read_levels(items), AppliedOrders(items), time.monotonic()
        self._letters_before = {letter["id"] for letter in self._client.dead_letters()}
        self._loss, self._loss_read_at = TelemetryLoss(self._client), time.monotonic()
        self.began = time.time()
        self.tally = OrderCounts()
        self.trace_checker = TraceChecker([TraceReader(addresses.traces) for _ in range(_READERS)], patience_s)

    def take(self, swarm: Swarm) -> None:
        """Read the order log, and from time to time the stock and the loss counters."""
        for line in swarm.read():
            self.tally.take(line)
            if isinstance(line, Accepted):
                self.trace_checker.add(line)
        if time.monotonic() - self._stock_read_at > _STOCK_INTERVAL_S:
            self._look()
        if time.monotonic() - self._loss_read_at > _LOSS_INTERVAL_S:
            self._loss.look()
            self._loss_read_at = time.monotonic()

    def handled(self) -> int | None:
        """Return how many orders were applied; None while the shop is unreachable. Any thread may call it."""
        with contextlib.suppress(ShopError):
            return self._taken(self._client.stock())
        return None

    def _taken(self, items: Sequence[Mapping[str, Any]]) -> int:
        return sum(item["version"] - self._before[item["id"]].version for item in items)

    def _look(self) -> int | None:
        taken = None
        with contextlib.suppress(ShopError):
            items = self._client.stock()
            self._applied.look(items)
            taken = self._taken(items)
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
            if last + others >= len(self.tally.accepted):
                return
            time.sleep(_LOOK_S)

    def _letters(self) -> list[dict[str, Any]]:
        return [letter for letter in self._client.dead_letters() if letter["id"] not in self._letters_before]

    def _report(self, load: Load, faults: Sequence[Fault], settled_at: float) -> Report:
        tally, checker = self.tally, self.trace_checker
        letters = self._letters()
        of_letters = tally.of_letters(letters)
        dead = [order for order in of_letters if order]
        table = self._client.stock()
        self._applied.look(table)
        unsure = [order for order in tally.unsure if self._is_in_stock(order)]
        after = read_levels(table)
        items = compare_stock(self._before, after, accepted=tally.accepted, sold_out=checker.sold_out, dead=dead, unsure=unsure)
        accepted = {order.order_id: order.at for order in tally.accepted}
        elsewhere = {order.order_id for order in (*checker.sold_out, *dead)}
        named = self._applied.compare(accepted, elsewhere, {_id(order) for order in unsure})
        self._loss.look()
        sold_out = sum(item.sold_out_orders for item in items)
        times = list(accepted.values()) or [settled_at]
        return Report(
            load=msgspec.to_builtins(load),
            started=datetime.fromtimestamp(self.began, UTC).isoformat(timespec="seconds"),
            seconds=round(times[-1] - times[0], 1),
            settled_seconds=round(settled_at - times[0], 1),
            accepted=len(tally.accepted),
            handled=sum(item.handled_orders for item in items) + sold_out,
            sold_out=sold_out,
            lost=max(sum(item.lost for item in items), len(named.lost)),
            lost_orders=named.lost,
            doubled=max(sum(item.doubled for item in items), len(named.doubled) + len(named.of_others)),
            doubled_orders=named.doubled,
            of_others=len(named.of_others),
            unseen=self._applied.unseen,
            dead_letters=[dead_letter(letter, order, faults) for letter, order in zip(letters, of_letters, strict=True)],
            refused=dict(tally.refused),
            retried=dict(tally.retried),
            unsure=len(tally.unsure),
            most_between_tries=tally.most_between_tries(),
            traces_whole=checker.whole,
            traces_broken=[explain(broken, faults) for broken in checker.broken],
            traces_not_judged=len(checker.pending()),
            traces_doubled=[order.trace_id for order in checker.doubled if not is_applied_again(order, faults)],
            wrongly_answered=tally.wrongly_answered,
            telemetry_lost=self._loss.lost(),
            items=items,
            faults=list(faults),
        )

    def _is_in_stock(self, order: Unanswered) -> bool:
        return _id(order) in self._applied.taken or bool(self._reader.of_order(_id(order)))


def _id(order: Unanswered) -> str:
    return make_order_id(msgspec.convert(order, OrderRequest, from_attributes=True), order.key)


_LINE_EVERY_S = 10.0  # when stderr is not a terminal


class Progress:
    """On stderr: one overwritten line on a terminal, else a line every ten seconds."""

    def __init__(self, orders: int = 0) -> None:
        self._console, self._terminal = Console(stderr=True, highlight=False), sys.stderr.isatty()
        self._began = time.monotonic()
        self._printed_at = 0.0
        self.orders = orders

    def log(self, text: str, end: str = "\n") -> None:
        """Print a line in place of the one that is overwritten."""
        if self._terminal:
            self._console.file.write("\r\x1b[K")
        self._console.print(f"[dim]{time.monotonic() - self._began:7.1f} s[/]  {text}", soft_wrap=True, end=end)

    def show(self, accounting: Accounting) -> None:
        """Print what is known so far, unless it was just printed."""
        now = time.monotonic()
        if now - self._printed_at < (0.5 if self._terminal else _LINE_EVERY_S):
            return
        self._printed_at = now
        tally, checker = accounting.tally, accounting.trace_checker
        words = [
            f"accepted {len(tally.accepted)}{self._left(len(tally.accepted), now)}",
            f"traces whole {checker.whole}, broken {len(checker.broken)}, awaited {len(checker.pending())}",
            f"tried again {tally.retried.total()}",
            f"refused {tally.refused.total()}",
        ]
        self.log("  ".join(words), end="" if self._terminal else "\n")

    def _left(self, accepted: int, now: float) -> str:
        if not self.orders or not accepted:
            return ""
        seconds = int((now - self._began) / accepted * max(0, self.orders - accepted))
        return f" of {self.orders}, {seconds // 60}:{seconds % 60:02} min left"


def follow(swarm: Swarm, accounting: Accounting, progress: Progress, done: Callable[[], bool] = lambda: False) -> None:
    """Read the order log until the load ends, `done` returns True or raises, or the user interrupts."""
    try:
        while swarm.running() and not done():
            accounting.take(swarm)
            progress.show(accounting)
            time.sleep(_FOLLOW_S)
    except KeyboardInterrupt:
        progress.log("interrupted: finishing the orders under way, then checking stock and traces")
    finally:
        swarm.stop()
    accounting.take(swarm)
    while swarm.silent:
        time.sleep(_FOLLOW_S)
        accounting.take(swarm)
