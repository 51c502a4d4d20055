"""``vshop chaos|telemetry-faults|journal|reset``: the switches."""

import math
import re
import sys
import time
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, Steps, command, err, out, plural, print_table
from vshop.cli.references import complete_incident, complete_telemetry_fault
from vshop.incidents import Incident, load_incident, wording
from vshop.incidents.telemetry_fault import TelemetryFault, load_telemetry_fault, load_telemetry_faults
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.operations import reset as reset_all

app = typer.Typer(no_args_is_help=True, add_completion=False)
faults = typer.Typer(no_args_is_help=True, add_completion=False)

_POLL_S = 1.0

Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="Id of the incident, from `vshop incidents list`", autocompletion=complete_incident),
]
FaultId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="Id of the fault, from `vshop telemetry-faults list`", autocompletion=complete_telemetry_fault
    ),
]
_FAULT_ANSWERS = ("story", "alter", "unknown", "concludes", "reason", "answer")


@command(app)
def on(
    incident: Id,
    *,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Switch off automatically after this time, e.g. 60s or 5m")
    ] = None,
    probability: Annotated[
        float | None, typer.Option("--probability", min=0, max=1, help="Share of requests to affect, from 0 to 1")
    ] = None,
    item: Annotated[list[int] | None, typer.Option("--item", "-i", help="Affect only orders for this item (repeatable)")] = None,
) -> Steps:
    """Switch an incident on for all requests, and wait until every affected service has acknowledged it."""
    known = load_incident(incident)
    answer = ShopClient(find()).switch_on(incident, probability=probability, duration=duration, items=item or [])
    yield answer
    out.print(f"[red]on[/]  {incident}  [dim]{_acknowledged(answer)}[/]")
    out.print(f"See it:   {_command(known, item or [], probability)}\nEnd it:   vshop chaos off {incident}", soft_wrap=True)


def _command(incident: Incident, items: list[int], probability: float | None) -> str:
    text = wording.command(incident)
    if items:
        text = re.sub(r"--item \d+", f"--item {items[0]}", text)
    if probability is not None and 0 < probability < 1 and "--count" not in text:
        text += f" --count {min(100, math.ceil(3 / probability))}"
    return text


@command(app)
def off(incident: Id) -> Steps:
    """Switch an incident off. It is off even if a service does not acknowledge."""
    load_incident(incident)
    answer = ShopClient(find()).switch_off(incident)
    yield answer
    out.print(f"[green]off[/] {incident}  [dim]{_acknowledged(answer)}[/]")


@command(app)
def reset() -> Steps:
    """Switch all incidents and telemetry faults off."""
    answer = ShopClient(find()).switch_all_off()
    yield answer
    out.print(f"[green]off[/] {', '.join(answer['off'])}" if answer["off"] else "Nothing was on.")


@command(app)
def status(
    *,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also show what is off")] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the switches during an exercise, too")] = False,
) -> Steps:
    """Show which incidents are on, and which services have acknowledged them. An exercise hides them."""
    client = ShopClient(find())
    if not reveal and client.exercise()["running"]:
        raise ShopError("The switches are hidden during an exercise. Use --reveal to see the answer.", hop="console")
    switches = client.switches()
    yield switches
    for fault in client.telemetry_faults_on():
        out.print(f"[red]on[/]  {escape(fault['id'])} [dim](telemetry fault, since {fault['since'][:19]}Z)[/]")
    rows = [
        (
            switch["id"],
            "[red]on[/]" if switch["on"] else "[dim]off[/]",
            switch["until"] or "",
            f"{switch['probability']:.0%}",
            ", ".join(map(str, switch["items"])) or "all",
            escape(", ".join(switch["acknowledgedBy"])),
        )
        for switch in switches
        if switch["on"] or everything
    ]
    if rows:
        print_table("id", "", "until", "share", "items", "acknowledged by", rows=rows)
    else:
        out.print("No incident is on.")


def journal(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new entries until Ctrl-C")] = False,
    since: Annotated[str, typer.Option(help="Show only entries after this revision or time, e.g. 2026-01-31T12:00:00Z")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the chaos board's journal, one line for each switch change.

    With --json, print one JSON object per line.
    """
    client = ShopClient(find())
    while True:
        for line in client.journal(since):
            _print_switch_change(line, as_json=as_json)
            since = str(line["revision"])
        if not follow:
            return
        sys.stdout.flush()
        time.sleep(_POLL_S)


@command()
def reset_shop() -> Steps:
    """Reset the running shop: switches off, stock full, no dead letters or telemetry, a new journal.

    Waiting orders are handled first. The old journal is kept in a file beside the new one.
    """
    done = reset_all(ShopClient(find()))
    yield done
    out.print(f"[green]Clean[/] in {done.seconds:.2f} s, nothing was restarted.\n")
    table = Table.grid(padding=(0, 2))
    table.add_row("  switched off", ", ".join(done.switched_off) or "nothing was on")
    table.add_row("  stock", f"{plural(done.items, 'item')} filled up")
    table.add_row("  dead letters", f"{done.dead_letters} removed")
    removed = ((done.traces, "trace"), (done.log_records, "log record"), (done.metric_points, "metric point"))
    table.add_row("  observatory", f"removed {', '.join(plural(count, noun) for count, noun in removed)}")
    table.add_row("  journal", f"new, {plural(done.journal_lines, 'old line')} kept")
    out.print(table)
    if done.jaeger_keeps_its_traces:
        err.print("\n[yellow]Jaeger keeps its traces[/]: it cannot delete them. Find new traces by their ids.")


def _acknowledged(answer: dict[str, Any]) -> str:
    by = ", ".join(name.partition("/")[0] for name in answer["acknowledgedBy"]) or "nobody"
    return f"acknowledged by {by} in {answer['ackMs']:.0f} ms"


def _print_switch_change(line: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        return
    colour = "red" if line["state"] == "on" else "green"
    by = "" if line["by"] == "api" else f" ({line['by']})"
    out.print(
        f"[dim]{line['revision']:>4}  {line['time']}[/]  [{colour}]{line['state']:<3}[/] {line['incident']}{by}  "
        f"[dim]{line['ackMs']:.0f} ms[/]"
    )


@command(faults, "list")
def list_faults() -> Steps:
    """List all telemetry faults, and which are on. An exercise hides what is on."""
    catalogue = load_telemetry_faults()
    on = _faults_on()
    yield [msgspec.to_builtins(fault) | {"on": None if on is None else fault.id in on} for fault in catalogue.values()]
    rows = (
        (fault.id, escape(fault.title), "●" * fault.workshop.level, "[red]on[/]" if on and fault.id in on else "")
        for fault in catalogue.values()
    )
    print_table("id", "the complaint", "level", "", rows=rows)
    out.print(f"\n{len(catalogue)} in all. Next: vshop telemetry-faults on ID")


def _faults_on() -> list[str] | None:
    """None where no shop runs, or an exercise hides them."""
    client = ShopClient(find())
    try:
        return None if client.exercise()["running"] else [str(one["id"]) for one in client.telemetry_faults_on()]
    except ShopError:
        return None


@command(faults, "show")
def show_fault(
    fault: FaultId,
    *,
    answer: Annotated[bool, typer.Option("--answer", help="Also show what is altered and what can still be concluded")] = False,
) -> Steps:
    """Show a telemetry fault's complaint and hints. Use --answer for what is altered and what can still be concluded."""
    known = load_telemetry_fault(fault)
    yield {key: value for key, value in msgspec.to_builtins(known).items() if answer or key not in _FAULT_ANSWERS}
    out.print(f"[bold]{escape(known.title)}[/]  [dim]{known.id}, level {known.workshop.level}[/]\n")
    out.print(f"  vshop telemetry-faults on {known.id} && {wording.command(known)}", soft_wrap=True)
    out.print("\nHints")
    for number, hint in enumerate(known.workshop.hints, 1):
        out.print(f"  {number}. {escape(hint)}")
    if answer:
        _show_fault_answer(known)
    else:
        out.print(f"\n[dim]The answer: vshop telemetry-faults show {known.id} --answer[/]")


def _show_fault_answer(fault: TelemetryFault) -> None:
    out.print(f"\n[bold]The answer[/]\n{escape(fault.story)}\n")
    out.print(f"Cause        {escape(fault.reason)} ({fault.answer.service}, {fault.answer.component})")
    for one in fault.alter:
        out.print(f"Altered      {escape(wording.alteration_words(one))}", soft_wrap=True)
    out.print(f"Unknown      {escape(fault.unknown)}")
    for conclusion in fault.concludes:
        out.print(f"{conclusion.signal:<12} {escape(conclusion.says)}")


@command(faults, "on")
def fault_on(
    fault: FaultId,
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


@command(faults, "off")
def fault_off(
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
