"""The commands of ``vshop``, each group in a file of its own."""

from typing import Annotated

import typer

from vshop import __version__
from vshop.cli import (
    chaos,
    conformance,
    dlq,
    doctor,
    exercise,
    export,
    incidents,
    journal,
    look,
    order,
    reset,
    running,
    score,
    verify,
    watch,
)

app = typer.Typer(name="vshop", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode="rich")


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"vshop {__version__}")
        raise typer.Exit


@app.callback()
def main(
    *, _version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False
) -> None:
    """A virtual shop whose every order is one trace, and whose every fault has its cause written down."""


app.command()(running.up)
app.command()(running.down)
app.command()(running.status)
app.command()(running.restart)
app.command()(doctor.doctor)
app.command()(reset.reset)
app.command()(order.order)
app.command()(look.stock)
app.command()(look.trace)
app.command()(look.logs)
app.command()(watch.metrics)
app.command()(watch.alerts)
app.command()(look.settings)
app.command()(export.export)
app.command()(conformance.conformance)
app.add_typer(dlq.app, name="dlq")
app.add_typer(chaos.app, name="chaos")
app.add_typer(incidents.app, name="incidents")
app.add_typer(exercise.app, name="exercise")
app.command()(verify.verify)
app.command()(journal.journal)
app.command()(score.score)
