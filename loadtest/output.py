"""Prints progress, reports and failures."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.accounting import EVICTED_TRACES, Accounting
from loadtest.replicas import Measured
from loadtest.report import Report
from loadtest.swarm import Swarm
from vshop.incidents import CatalogueError, UnknownIncidentError
from vshop.kit.settings import SettingsError
from vshop.runtime.model.errors import RuntimeProblem
from vshop.shop.client import ShopError
from vshop.shop.traces import TraceError

_KNOWN: tuple[type[Exception], ...] = (
    CatalogueError,
    UnknownIncidentError,
    SettingsError,
    RuntimeProblem,
    ShopError,
    TraceError,
)
_SHOWN = 10


def run(app: typer.Typer, name: str, *failures: type[Exception]) -> None:
    """Run a command line. These and the shop's known failures print one line and exit with status 1."""
    try:
        app(prog_name=name)
    except (*failures, *_KNOWN) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]✖[/] {escape(str(error))}")
        sys.exit(1)


def print_json(value: Any, out: TextIO | None = None) -> None:
    (out or sys.stdout).write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def stdout(width: int) -> Console:
    """Return a console of this width if stdout is not a terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else width)


def show(report: Report) -> None:
    out = stdout(140)
    rate = report.accepted / report.seconds if report.seconds else 0
    grid = Table.grid(padding=(0, 2))
    grid.add_row("orders accepted", f"{report.accepted} in {report.seconds:.1f} s, {rate:.1f}/s")
    grid.add_row(
        "handled",
        f"{report.handled} in {report.settled_seconds:.1f} s"
        + (f", {report.sold_out} of them sold out" if report.sold_out else ""),
    )
    grid.add_row("seen in the table", "each by its id" + (f", but for {report.unseen} at most" if report.unseen else ""))
    grid.add_row("dead-lettered", str(len(report.dead_letters)))
    grid.add_row("lost, doubled", f"{report.lost}, {report.doubled}")
    grid.add_row("given up unanswered", str(report.unsure))
    grid.add_row(
        "traces whole", f"{report.traces_whole}, broken {len(report.traces_broken)}, of these unexplained {len(report.unexplained)}"
    )
    if report.retried:
        grid.add_row("orders between two tries", f"{report.most_between_tries} at most, for the same item")
    out.print(grid)
    _counts("refused for good", report.refused, out)
    _counts("tried again", report.retried, out)
    _counts(
        "telemetry lost on its way", {what: count for what, count in report.telemetry_lost.items() if what != EVICTED_TRACES}, out
    )
    _items(report, out)
    _gaps(report, out)
    for problem in report.problems:
        out.print(f"[bold red]✖[/] {escape(problem)}", soft_wrap=True)
    if report.ok:
        out.print("[bold green]Nothing lost, nothing doubled[/]: stock = initial - Σ accepted, exactly.")


def _counts(title: str, counts: Mapping[str, int], out: Console) -> None:
    if counts:
        out.print(f"\n{title}:")
        for name, count in sorted(counts.items(), key=lambda pair: -pair[1]):
            out.print(f"  {count:>7}  {escape(name)}")


def _items(report: Report, out: Console) -> None:
    table = Table("item", "stock before", "orders", "pieces", "expected", "stock after", "difference", box=None, header_style="dim")
    for item in report.items:
        difference = f"[red]{item.difference:+}[/]" if item.difference else "0"
        cells = (item.item, item.before, item.accepted_orders, item.accepted_pieces, item.expected, item.after)
        table.add_row(*map(str, cells), difference)
    out.print()
    out.print(table)
    out.print()


def _gaps(report: Report, out: Console) -> None:
    by_cause: dict[str, int] = {}
    for trace in report.traces_broken:
        if trace.cause is not None:
            cause = " ".join(trace.cause.split(" ")[:2])
            by_cause[cause] = by_cause.get(cause, 0) + 1
    _counts("broken traces, explained by", by_cause, out)
    for trace in report.unexplained[:_SHOWN]:
        out.print(f"[red]broken[/] {trace.trace_id}: {escape(trace.missing)} is missing")
    for letter in report.dead_letters[:_SHOWN]:
        out.print(f"[yellow]dead letter[/] {letter.id}: {escape(letter.error)}; {escape(letter.cause or 'nothing explains it')}")


def show_replicas(measured: Sequence[Measured]) -> None:
    """Print one line for each number of replicas, then the CPU time by workload."""
    out = stdout(160)
    heads = ("replicas and partitions", "accepted/s", "p50, p95", "handled/s meanwhile", "waited", "handled/s afterwards", "load")
    table = Table(*heads, box=None, header_style="dim")
    for one in measured:
        table.add_row(
            str(one.replicas),
            f"{one.accepted_per_s:.1f}" + (f" ({one.refused} refused)" if one.refused else ""),
            f"{one.p50_s:.2f} s, {one.p95_s:.2f} s",
            f"{one.handled_per_s:.1f}",
            str(one.backlog),
            "" if one.afterwards_per_s is None else f"{one.afterwards_per_s:.1f}",
            f"{one.load_average:.0f}",
        )
    out.print(table)
    cpu = Table("CPU, ms an order", *(str(one.replicas) for one in measured), box=None, header_style="dim")
    for name in sorted({name for one in measured for name in one.cpu_ms}):
        cpu.add_row(name, *(f"{one.cpu_ms.get(name, 0):.1f}" for one in measured))
    cpu.add_row("all", *(f"{sum(one.cpu_ms.values()):.1f}" for one in measured))
    out.print()
    out.print(cpu)


_LOOK_S = 0.25
_LINE_EVERY_S = 10.0  # when stderr is not a terminal


class Progress:
    """On stderr: one overwritten line on a terminal, else a line every ten seconds."""

    def __init__(self, orders: int = 0) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._began = time.monotonic()
        self._printed_at = 0.0
        self.orders = orders

    def log(self, text: str) -> None:
        blank = "\r\x1b[K" if sys.stderr.isatty() else ""
        self._console.file.write(blank)
        self._console.print(f"[dim]{time.monotonic() - self._began:7.1f} s[/]  {text}", soft_wrap=True)

    def show(self, accounting: Accounting) -> None:
        now = time.monotonic()
        if now - self._printed_at < (0.5 if sys.stderr.isatty() else _LINE_EVERY_S):
            return
        self._printed_at = now
        tally, watcher = accounting.tally, accounting.trace_checker
        words = [
            f"accepted {tally.accepted}{self._left(tally.accepted, now)}",
            f"traces whole {watcher.whole}, broken {len(watcher.broken)}, awaited {len(watcher.pending())}",
            f"tried again {sum(tally.retried.values())}",
            f"refused {sum(tally.refused.values())}",
        ]
        text = "  ".join(words)
        if sys.stderr.isatty():
            self._console.file.write(f"\r\x1b[K{now - self._began:7.1f} s  {text}")
            self._console.file.flush()
        else:
            self.log(text)

    def _left(self, accepted: int, now: float) -> str:
        if not self.orders or not accepted:
            return ""
        seconds = (now - self._began) / accepted * max(0, self.orders - accepted)
        return f" of {self.orders}, {int(seconds) // 60}:{int(seconds) % 60:02} min left"


def follow(swarm: Swarm, accounting: Accounting, progress: Progress, done: Callable[[], bool] = lambda: False) -> None:
    """Read the order log until the load ends, `done` returns True or raises, or the user interrupts."""
    try:
        while swarm.running() and not done():
            accounting.take(swarm.source)
            progress.show(accounting)
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        progress.log("interrupted: finishing the orders under way, then checking stock and traces")
    finally:
        swarm.stop()
    accounting.take(swarm.source)
    while swarm.source.silent:
        time.sleep(_LOOK_S)
        accounting.take(swarm.source)
