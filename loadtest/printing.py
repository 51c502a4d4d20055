"""Prints a report for people."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.drops import MAKES_ROOM
from loadtest.replicas import Measured
from loadtest.report import Report

_SHOWN = 10


def show(report: Report, out: Console) -> None:
    """Print it: the accounts, the traces, what was done to the shop, and the verdict.

    Args:
        report: what is printed.
        out: where.
    """
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
    _counts("telemetry lost on its way", {what: count for what, count in report.telemetry_lost.items() if what != MAKES_ROOM}, out)
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


def show_replicas(measured: Sequence[Measured], out: Console) -> None:
    """Print what more replicas brought: a line for each number of them, then the CPU time of each workload.

    Args:
        measured: what is printed.
        out: where.
    """
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
