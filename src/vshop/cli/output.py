"""How the command line prints: tables for people, JSON for programs, errors that say what to do."""

import sys
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]

out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)  # a file or a pipe has no width of its own
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON document, indented, on stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def known_failures() -> tuple[type[Exception], ...]:
    """Return the exceptions whose text is meant for a person."""
    from vshop.client import ShopError  # noqa: PLC0415 - only when a command failed or ends
    from vshop.corpus.errors import CorpusError  # noqa: PLC0415
    from vshop.first_order import BrokenHopError  # noqa: PLC0415
    from vshop.incidents.errors import CatalogueError, UnknownIncidentError  # noqa: PLC0415
    from vshop.kit.settings import SettingsError  # noqa: PLC0415
    from vshop.runtime.errors import RuntimeProblem  # noqa: PLC0415
    from vshop.traces import TraceError  # noqa: PLC0415

    return (RuntimeProblem, ShopError, BrokenHopError, TraceError, SettingsError, CatalogueError, CorpusError, UnknownIncidentError)


def tell_failure(error: Exception) -> None:
    """Print a known failure on stderr."""
    err.print(f"[bold red]✖[/] {escape(str(error))}")
