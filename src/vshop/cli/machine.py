"""``vshop doctor|env|settings``."""

import shlex
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import Result, Steps, command, out, print_table
from vshop.kit.settings import PREFIX, load, table
from vshop.runtime.local.doctor import FindingState, run_checks
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.errors import NotRunningError

_MARKS: dict[FindingState, str] = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}


@command()
def doctor() -> Steps:
    """Check whether this machine can run a shop, and print what to do if it cannot.

    ``!`` marks something optional that is missing. ``✗`` marks a reason why a shop would not start; the exit status is then 1.
    """
    findings = run_checks(running=Shop.running() is not None)
    fit = not any(finding.state == "bad" for finding in findings)
    yield Result({"fit": fit, "findings": findings}, failed=not fit)
    grid = Table.grid(padding=(0, 2))
    for one in findings:
        grid.add_row(f" {_MARKS[one.state]}", one.name, escape(one.seen) + (f"\n[bold]{escape(one.do)}[/]" if one.do else ""))
    out.print(grid)
    out.print("\nThis machine can run a shop: vshop up" if fit else "\nA shop would not start here. Fix the lines marked ✗.")


@command()
def env(
    home: Annotated[str | None, typer.Option(metavar="FOLDER", help="Folder for the shop's state (default: VSHOP_HOME)")] = None,
) -> Steps:
    """Print the variables that a program beside the shop needs, for `eval`.

    Addresses of Kafka, DynamoDB, the OTLP receiver and the services: eval "$(vshop env)".
    """
    shop = Shop.running(home)
    if shop is None:
        raise NotRunningError("No shop is running on this machine. Start one with `vshop up`.")
    yield shop.variables
    for name, value in shop.variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@command()
def settings() -> Steps:
    """List every SHOP_* setting with its description, default, and current value."""
    chosen = load()
    rows = [
        {"name": name, "type": kind, "default": default, "value": str(getattr(chosen, name.removeprefix(PREFIX).lower()))}
        | {"description": text}
        for name, kind, default, text in table()
    ]
    yield rows
    values = [f"[bold]{escape(row['value'])}[/]" if row["value"] != row["default"] else escape(row["default"]) for row in rows]
    shown = zip(rows, values, strict=True)
    print_table("variable", "value", "description", rows=((row["name"], value, escape(row["description"])) for row, value in shown))
