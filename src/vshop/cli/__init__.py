"""The ``vshop`` command line. Each command is imported when it is used, so that ``vshop --help`` stays fast."""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from vshop import __version__

COMMANDS = {
    "up": ("lifecycle:up", "Start the shop, send one order through it, and print all addresses."),
    "down": ("lifecycle:down", "Stop the shop and everything that belongs to it."),
    "status": ("lifecycle:status", "Show each part's state, memory and address."),
    "restart": ("lifecycle:restart", "Restart one part. Orders, stock and switches are kept; the observatory starts empty."),
    "open": ("signals:open_page", "Open the console, or a trace, in the browser."),
    "env": ("machine:env", "Print the variables that a program beside the shop needs, for `eval`."),
    "doctor": ("machine:doctor", "Check whether this machine can run a shop, and print what to do if it cannot."),
    "reset": ("chaos:reset_shop", "Reset the running shop: switches off, stock full, no dead letters or telemetry, a new journal."),
    "order": ("orders:order", "Log in, place an order, wait for its complete trace, and draw it."),
    "stock": ("orders:stock", "Show the stock table."),
    "trace": ("signals:trace", "Draw a trace in its current state."),
    "logs": ("signals:logs", "Show the services' log records, each with its trace id and exception."),
    "metrics": ("signals:metrics", "Show business figures: orders accepted and handled, errors by type, and the topic's backlog."),
    "alerts": ("signals:alerts", "Show the alerts, evaluated from the traces of the last minute."),
    "settings": ("machine:settings", "List every SHOP_* setting with its description, default, and current value."),
    "export": ("telemetry:export", "Record incidents on a temporary shop: OTLP, Jaeger JSON, and the ground truth."),
    "conformance": ("telemetry:conformance", "Check the emitted telemetry against the OpenTelemetry semantic conventions."),
    "instrumentation-report": (
        "telemetry:instrumentation_report",
        "Report, hop by hop, which spans the shop's instrumentation or your agent records.",
    ),
    "dlq": ("orders:dlq", "List, show and replay dead letters."),
    "chaos": ("chaos:app", "Switch incidents on and off."),
    "telemetry-faults": ("telemetry_faults:app", "Alter the telemetry of good orders: gaps, wrong clocks and sampling."),
    "incidents": ("incidents:app", "Read the incident catalogue: symptoms, expected signals, and root causes."),
    "exercise": ("exercise:app", "Find a hidden fault: blind exercises with hints and a score."),
    "verify": ("verify:verify", "Verify incidents: clean run, switch on, check every expected signal, switch off, clean run."),
    "journal": ("chaos:journal", "Show the chaos board's journal, one line for each switch change."),
    "score": ("incidents:score", "Score diagnoses against the ground truth: AC@k and Avg@5."),
}
"""Function or group as ``module:attribute``, and the first line of its help."""


class LazyCommand(TyperCommand):
    """Stands for a command in ``vshop --help``."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name, callback=None, help=summary)
        self._target = target

    def load(self) -> Any:
        """Import the module and return the real command or group."""
        module, _, attribute = self._target.partition(":")
        found = getattr(import_module(f"vshop.cli.{module}"), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(self.name)(function)
        command = typer.main.get_command(found)
        command.name, command.help = self.name, command.help or self.help
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the arguments with the real command."""
        return self.load().make_context(info_name, args, parent, **extra)


class LazyGroup(TyperGroup):
    """A group whose commands come from `COMMANDS`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: LazyCommand(name, target, summary) for name, (target, summary) in COMMANDS.items()}


app = typer.Typer(name="vshop", cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"vshop {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit")
    ] = False,
) -> None:
    """Run, break and inspect a virtual shop in which every order is one trace and every fault has a documented cause."""


def main() -> None:
    """Run the command line. A known failure prints one line, or with ``--json`` an object, and exits with status 1."""
    as_json = "--json" in sys.argv
    try:
        status = app(standalone_mode=not as_json)
        sys.exit(status if isinstance(status, int) else 0)
    except BrokenPipeError:  # `vshop logs | head`
        sys.stderr.close()
        sys.exit(1)
    except typer.Abort:  # with --json only
        sys.exit(1)
    except Exception as error:
        from vshop.cli import output  # noqa: PLC0415 - only after a failure

        wrong_command_line = as_json and hasattr(error, "format_message")
        if not wrong_command_line and not isinstance(error, output.KNOWN_FAILURES):
            raise
        if as_json:
            message = error.format_message() if wrong_command_line else str(error)  # type: ignore[attr-defined]
            output.print_json({"error": {"type": type(error).__name__, "message": message}})
        else:
            output.print_failure(error)
        sys.exit(getattr(error, "exit_code", 2) if wrong_command_line else 1)
