"""``vshop chaos on|off|status|reset``: the chaos board's switches."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, out, print_json

app = typer.Typer(no_args_is_help=True, help="Switch incidents on and off.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The incident's id; `vshop incidents list` shows them.")]


@app.command()
def on(
    incident: Id,
    *,
    duration: Annotated[str | None, typer.Option("--for", help="Off again by itself after this long, e.g. 60s or 5m.")] = None,
    probability: Annotated[float | None, typer.Option("--probability", min=0, max=1, help="Share of the requests, 0 to 1.")] = None,
    item: Annotated[list[int], typer.Option("--item", "-i", help="Only orders of this item; may be repeated.")] = [],  # noqa: B006 - Typer copies it
    as_json: AsJson = False,
) -> None:
    """Switch an incident on for everybody; returns when every service concerned has taken it over."""
    from vshop.incidents import load_incident, telling  # noqa: PLC0415 - `vshop --help` needs none of it

    known = load_incident(incident)
    answer = _client().switch_on(incident, probability=probability, duration=duration, items=item)
    if as_json:
        print_json(answer)
        return
    out.print(f"[red]on[/]  {incident}  [dim]{_acknowledged(answer)}[/]")
    out.print(f"See it:   {telling.command(known)}\nEnd it:   vshop chaos off {incident}", soft_wrap=True)


@app.command()
def off(incident: Id, *, as_json: AsJson = False) -> None:
    """Switch an incident off; it stays off whoever acknowledges."""
    from vshop.incidents import load_incident  # noqa: PLC0415

    load_incident(incident)
    answer = _client().switch_off(incident)
    if as_json:
        print_json(answer)
    else:
        out.print(f"[green]off[/] {incident}  [dim]{_acknowledged(answer)}[/]")


@app.command()
def reset(*, as_json: AsJson = False) -> None:
    """Switch everything off."""
    answer = _client().switch_all_off()
    if as_json:
        print_json(answer)
    else:
        out.print(f"[green]off[/] {', '.join(answer['off'])}" if answer["off"] else "Nothing was on.")


@app.command()
def status(
    *, everything: Annotated[bool, typer.Option("--all", "-a", help="Also what is off.")] = False, as_json: AsJson = False
) -> None:
    """Show what is on, as the board and the services have it."""
    switches = _client().switches()
    if as_json:
        print_json(switches)
        return
    shown = [switch for switch in switches if switch["on"] or everything]
    if not shown:
        out.print("Nothing is on.")
        return
    table = Table("id", "", "until", "share", "items", "acknowledged by", box=None, header_style="dim")
    for switch in shown:
        state = "[red]on[/]" if switch["on"] else "[dim]off[/]"
        items = ", ".join(map(str, switch["items"])) or "all"
        acknowledged = ", ".join(switch["acknowledgedBy"])
        table.add_row(switch["id"], state, switch["until"] or "", f"{switch['probability']:.0%}", items, escape(acknowledged))
    out.print(table)


def _client() -> Any:
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415

    return ShopClient(find())


def _acknowledged(answer: dict[str, Any]) -> str:
    by = ", ".join(name.partition("/")[0] for name in answer["acknowledgedBy"]) or "nobody"
    return f"acknowledged by {by} in {answer['ackMs']:.0f} ms"
