"""``vshop telemetry-faults``."""

from typing import Annotated

import typer
from rich.markup import escape

from vshop.cli.output import Steps, command, err, out, print_table
from vshop.cli.references import complete_telemetry_fault
from vshop.incidents import wording
from vshop.incidents.telemetry_fault import TelemetryFault, load_telemetry_fault, load_telemetry_faults
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient, ShopError

app = typer.Typer(no_args_is_help=True, add_completion=False)

Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="Id of the fault, from `vshop telemetry-faults list`", autocompletion=complete_telemetry_fault
    ),
]
_ANSWERS = ("story", "alter", "unknown", "concludes", "reason", "answer")


@command(app, "list")
def list_faults() -> Steps:
    """List all telemetry faults, and which are on. An exercise hides what is on."""
    catalogue = load_telemetry_faults()
    on = _on()
    yield [fault.to_builtins() | {"on": None if on is None else fault.id in on} for fault in catalogue.values()]
    rows = (
        (fault.id, escape(fault.title), "●" * fault.workshop.level, "[red]on[/]" if on and fault.id in on else "")
        for fault in catalogue.values()
    )
    print_table("id", "the complaint", "level", "", rows=rows)
    out.print(f"\n{len(catalogue)} in all. Next: vshop telemetry-faults on ID")


def _on() -> list[str] | None:
    """None where no shop runs, or an exercise hides them."""
    client = ShopClient(find())
    try:
        return None if client.exercise()["running"] else [str(one["id"]) for one in client.telemetry_faults_on()]
    except ShopError:
        return None


@command(app)
def show(
    fault: Id,
    *,
    answer: Annotated[bool, typer.Option("--answer", help="Also show what is altered and what can still be concluded")] = False,
) -> Steps:
    """Show a telemetry fault's complaint and hints. Use --answer for what is altered and what can still be concluded."""
    known = load_telemetry_fault(fault)
    yield {key: value for key, value in known.to_builtins().items() if answer or key not in _ANSWERS}
    out.print(f"[bold]{escape(known.title)}[/]  [dim]{known.id}, level {known.workshop.level}[/]\n")
    out.print(f"  vshop telemetry-faults on {known.id} && {wording.command(known)}", soft_wrap=True)
    out.print("\nHints")
    for number, hint in enumerate(known.workshop.hints, 1):
        out.print(f"  {number}. {escape(hint)}")
    if answer:
        _show_answer(known)
    else:
        out.print(f"\n[dim]The answer: vshop telemetry-faults show {known.id} --answer[/]")


def _show_answer(fault: TelemetryFault) -> None:
    out.print(f"\n[bold]The answer[/]\n{escape(fault.story)}\n")
    out.print(f"Cause        {escape(fault.reason)} ({fault.answer.service}, {fault.answer.component})")
    for one in fault.alter:
        out.print(f"Altered      {escape(wording.alteration_words(one))}", soft_wrap=True)
    out.print(f"Unknown      {escape(fault.unknown)}")
    for conclusion in fault.concludes:
        out.print(f"{conclusion.signal:<12} {escape(conclusion.says)}")


@command(app)
def on(
    fault: Id,
    *,
    duration: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0.001, help="Switch off automatically after this time")
    ] = None,
) -> Steps:
    """Alter the telemetry of all orders accepted from now on."""
    known = load_telemetry_fault(fault)
    addresses = find()
    answer = ShopClient(addresses).telemetry_fault_on(known.id, known.alter, seconds=duration)
    yield answer
    out.print(f"[red]on[/]  {known.id}\nSee it:   {wording.command(known)}", soft_wrap=True)
    out.print(f"End it:   {known.rollback}", soft_wrap=True)
    if addresses.traces != addresses.observatory:
        err.print("[yellow]Jaeger receives the telemetry first[/] and stores it unaltered. Look at the console instead.")


@command(app)
def off(
    fault: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Id of the fault (default: all)", autocompletion=complete_telemetry_fault)
    ] = None,
) -> Steps:
    """Switch one telemetry fault off, or all. Orders that were accepted before stay altered."""
    if fault is not None:
        load_telemetry_fault(fault)
    ended = ShopClient(find()).telemetry_fault_off(fault)
    yield {"off": ended}
    out.print(f"[green]off[/] {', '.join(ended)}" if ended else "No telemetry fault was on.")
