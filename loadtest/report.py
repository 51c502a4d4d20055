"""The report, with the injected faults that explain its problems; prints it, and failures."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.stock_check import ItemBalance
from loadtest.swarm import Accepted
from loadtest.trace_check import BrokenTrace
from vshop.incidents import CatalogueError, UnknownIncidentError
from vshop.incidents.loader import load_catalogue
from vshop.incidents.scoring import runs
from vshop.kit.settings import SettingsError
from vshop.runtime.model.errors import RuntimeProblem
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.first_order import BrokenHopError

_BEFORE_S, _AFTER_S = 15.0, 3.0
_ROUND_S = 1.0


class Fault(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Times are seconds since the epoch; `back_at` is when the part was ready again."""

    part: str
    what: str
    """``killed``, ``restarted``, ``under <incident>``, or another ``how`` of ``targets.Action``."""
    at: float
    back_at: float
    oldest_at: float = 0.0
    """When the oldest order with an incomplete trace was accepted; 0 if unknown."""
    accepted: int = 0


class Explained(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A broken trace, its missing span, and the fault that explains it."""

    order_id: str
    trace_id: str
    accepted_at: float
    missing: str
    cause: str | None


def explain(broken: BrokenTrace, faults: Iterable[Fault]) -> Explained:
    """Find the fault that explains a broken trace.

    A killed process loses the spans that it has not exported; the observatory loses all. Kafka and DynamoDB have none and explain
    no gap. An order is affected if it was accepted while the part was down, or earlier and its trace was still incomplete (up to
    15 s earlier if that is unknown). An incident explains any gap of an order accepted while it was on.
    """
    order = broken.order
    cause = f"{order.incident}, on for this order" if order.incident else _cause(order, broken.missing.split(" ", 1)[0], faults)
    return Explained(order_id=order.order_id, trace_id=order.trace_id, accepted_at=order.at, missing=broken.missing, cause=cause)


def explain_letter(time_s: float, order: Accepted | None, faults: Iterable[Fault]) -> str | None:
    """Find the incident that explains a dead letter. A killed process explains none, because Kafka delivers its records again."""
    if order is not None and order.incident:
        return f"{order.incident}, on for this order"
    under = (fault for fault in faults if fault.what.startswith("under ") and fault.at <= time_s <= fault.back_at + _AFTER_S)
    return next((f"{fault.part} {fault.what}" for fault in under), None)


def _cause(order: Accepted, service: str, faults: Iterable[Fault]) -> str | None:
    for fault in faults:
        if fault.what.startswith("under "):
            affected = fault.at - _ROUND_S <= order.at <= fault.back_at + _ROUND_S
        else:
            affected = (fault.oldest_at or fault.at - _BEFORE_S) <= order.at <= fault.back_at + _AFTER_S
            affected = affected and fault.what in {"killed", "restarted"} and fault.part in {service, "observatory", "jaeger"}
        if affected:
            return f"{fault.part} {fault.what} {fault.at - order.at:+.1f} s after the order"
    return None


def is_applied_again(order: Accepted, faults: Iterable[Fault]) -> bool:
    """Return whether the table was rolled back after the order, which was then rightly applied twice."""
    return any(fault.what == "rolled back" and order.at <= fault.back_at for fault in faults)


def incident_faults(client: ShopClient, since_s: float) -> list[Fault]:
    """Return the journal's global incidents since a time, as faults."""
    catalogue = load_catalogue()
    found = (
        Fault(part=switch.services[0], what=f"under {run.incident}", at=run.injected_at, back_at=run.recovered_at or time.time())
        for run in runs(client.journal(), catalogue, twins=True)
        if (switch := catalogue[run.incident].switch)
    )
    return [fault for fault in found if fault.back_at >= since_s]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A dead letter of this load, and what explains it."""

    id: str
    error: str
    order_id: str | None
    cause: str | None


def dead_letter(letter: Mapping[str, Any], order: Accepted | None, faults: Iterable[Fault]) -> DeadLetter:
    return DeadLetter(
        id=letter["id"],
        error=f"{letter['errorType']}: {letter['errorMessage']}"[:200],
        order_id=order.order_id if order else None,
        cause=explain_letter(letter["time"], order, faults),
    )


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    load: dict[str, Any]
    started: str
    seconds: float
    settled_seconds: float
    """Until all were handled."""
    accepted: int
    handled: int
    sold_out: int
    lost: int
    lost_orders: list[str]
    doubled: int
    doubled_orders: list[str]
    of_others: int
    unseen: int
    """Upper bound of ids not seen in the table."""
    dead_letters: list[DeadLetter]
    refused: dict[str, int]
    retried: dict[str, int]
    unsure: int
    most_between_tries: int
    traces_whole: int
    traces_broken: list[Explained]
    traces_not_judged: int
    traces_doubled: list[str]
    wrongly_answered: list[str]
    """Invalid orders with an unexpected answer."""
    telemetry_lost: dict[str, int]
    items: list[ItemBalance]
    faults: list[Fault]
    contradictions: list[str] = []

    @property
    def unexplained(self) -> list[Explained]:
        return [trace for trace in self.traces_broken if trace.cause is None]

    @property
    def problems(self) -> list[str]:
        uneven = [item for item in self.items if not item.even]
        letters = [letter for letter in self.dead_letters if letter.cause is None]
        counted = [
            (int(not self.accepted), "failed run: no order was accepted"),
            (self.lost, f"accepted orders are lost{_named(self.lost_orders)}"),
            (self.doubled - self.of_others, f"orders were applied twice{_named(self.doubled_orders)}"),
            (self.of_others, "orders were placed by somebody else during the run"),
            (len(uneven), f"items whose stock is not exact: {_listed([str(item.item) for item in uneven])}"),
            (len(self.traces_doubled), f"orders applied twice in their trace: {_listed(self.traces_doubled)}"),
            (len(self.unexplained), f"broken traces that nothing explains: {_listed([t.trace_id for t in self.unexplained])}"),
            (self.traces_not_judged, "traces that could not be judged in time"),
            (len(letters), f"dead letters that nothing explains: {_listed([letter.error for letter in letters])}"),
            (len(self.contradictions), f"contradictions: {_listed(self.contradictions)}"),
            (len(self.wrongly_answered), f"wrong orders not refused as they should be: {_listed(self.wrongly_answered)}"),
        ]
        return [f"{count} {what}" for count, what in counted if count]

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "problems": self.problems, **msgspec.to_builtins(self)}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _named(orders: Sequence[str]) -> str:
    return f" ({_listed(orders)})" if orders else ""


_KNOWN: tuple[type[Exception], ...] = (
    CatalogueError,
    UnknownIncidentError,
    SettingsError,
    RuntimeProblem,
    ShopError,
    BrokenHopError,
)
_SHOWN = 10
EVICTED_TRACES = "old traces that made room in the observatory"  # not lost: each trace is checked while it is fresh


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


def table(*heads: str) -> Table:
    return Table(*heads, box=None, header_style="dim")


def show(report: Report) -> None:
    out = stdout(140)
    rate = report.accepted / report.seconds if report.seconds else 0
    sold_out = f", {report.sold_out} of them sold out" if report.sold_out else ""
    broken = f"broken {len(report.traces_broken)}, of these unexplained {len(report.unexplained)}"
    grid = Table.grid(padding=(0, 2))
    grid.add_row("orders accepted", f"{report.accepted} in {report.seconds:.1f} s, {rate:.1f}/s")
    grid.add_row("handled", f"{report.handled} in {report.settled_seconds:.1f} s{sold_out}")
    grid.add_row("seen in the table", "each by its id" + (f", but for {report.unseen} at most" if report.unseen else ""))
    grid.add_row("dead-lettered", str(len(report.dead_letters)))
    grid.add_row("lost, doubled", f"{report.lost}, {report.doubled}")
    grid.add_row("given up unanswered", str(report.unsure))
    grid.add_row("traces whole", f"{report.traces_whole}, {broken}")
    if report.retried:
        grid.add_row("orders between two tries", f"{report.most_between_tries} at most, for the same item")
    out.print(grid)
    lost = {what: count for what, count in report.telemetry_lost.items() if what != EVICTED_TRACES}
    causes = (" ".join(trace.cause.split(" ")[:2]) for trace in report.traces_broken if trace.cause)
    _show_counts("refused for good", report.refused, out)
    _show_counts("tried again", report.retried, out)
    _show_counts("telemetry lost on its way", lost, out)
    _show_items(report.items, out)
    _show_counts("broken traces, explained by", Counter(causes), out)
    for trace in report.unexplained[:_SHOWN]:
        out.print(f"[red]broken[/] {trace.trace_id}: {escape(trace.missing)} is missing")
    for letter in report.dead_letters[:_SHOWN]:
        out.print(f"[yellow]dead letter[/] {letter.id}: {escape(letter.error)}; {escape(letter.cause or 'nothing explains it')}")
    for problem in report.problems:
        out.print(f"[bold red]✖[/] {escape(problem)}", soft_wrap=True)
    if report.ok:
        out.print("[bold green]Nothing lost, nothing doubled[/]: stock = initial - Σ accepted, exactly.")


def _show_counts(title: str, counts: dict[str, int], out: Console) -> None:
    if counts:
        out.print(f"\n{title}:")
        for name, count in Counter(counts).most_common():
            out.print(f"  {count:>7}  {escape(name)}")


def _show_items(items: Sequence[ItemBalance], out: Console) -> None:
    rows = table("item", "stock before", "orders", "pieces", "expected", "stock after", "difference")
    for item in items:
        difference = f"[red]{item.difference:+}[/]" if item.difference else "0"
        cells = (item.item, item.before, item.accepted_orders, item.accepted_pieces, item.expected, item.after)
        rows.add_row(*map(str, cells), difference)
    out.print("", rows, "", sep="\n")
