"""Text for people, JSON for programs, progress and errors on stderr."""

import contextlib
import functools
import inspect
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vshop.corpus.loader import CorpusError
from vshop.incidents.loader import CatalogueError, UnknownIncidentError
from vshop.kit.settings import SettingsError
from vshop.runtime.model.errors import RuntimeProblem
from vshop.runtime.model.progress import Event
from vshop.shop.client import ShopError
from vshop.shop.first_order import BrokenHopError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Print again every 2 s, until Ctrl-C")]
_WATCH_S = 2.0

out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)  # a file or a pipe has no width
err = Console(stderr=True, highlight=False, soft_wrap=True)

KNOWN_FAILURES = (
    RuntimeProblem,
    ShopError,
    BrokenHopError,
    SettingsError,
    CatalogueError,
    CorpusError,
    UnknownIncidentError,
)
"""Their text is written for users."""

_STYLES = {"ready": "green", "failed": "red", "killed": "red", "note": "yellow", "stopped": "dim"}

Steps = Iterator[Any]
"""What the function of a command yields: once, the result that ``--json`` prints. Text is printed after that."""


class Result(NamedTuple):
    """A result with which a command may fail."""

    value: Any
    failed: bool


def command(
    of: typer.Typer | None = None, name: str | None = None, *, can_watch: bool = False
) -> Callable[[Callable[..., Steps]], Callable[..., None]]:
    """Make a command with the option ``--json`` of a generator, which goes on after its result only to print text.

    A ``Result`` that failed ends the command with status 1. ``of`` is the group to which the command belongs. ``can_watch`` adds
    the option ``--watch``; the status is then that of the last result.
    """

    def decorate(function: Callable[..., Steps]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*args: Any, watch: bool = False, as_json: bool = False, **given: Any) -> None:
            failed = True

            def show() -> None:
                nonlocal failed
                steps = function(*args, **given)
                first = next(steps)
                value, failed = first if isinstance(first, Result) else Result(first, failed=False)
                if as_json:
                    print_json(value)
                else:
                    next(steps, None)

            _repeat(show, watch=watch)
            if failed:
                sys.exit(1)

        options = ({"watch": Watch} if can_watch else {}) | {"as_json": AsJson}
        added = [inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=options[one]) for one in options]
        signature = inspect.signature(function)
        run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])  # type: ignore[attr-defined]
        run.__annotations__ = function.__annotations__ | options
        return of.command(name)(run) if of else run

    return decorate


def print_json(value: Any) -> None:
    """Print one JSON document, indented, on stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_table(*columns: str, rows: Iterable[Iterable[str]]) -> None:
    """Print rows below dim names of columns."""
    table = Table(*columns, box=None, header_style="dim")
    for row in rows:
        table.add_row(*row)
    out.print(table)


def is_narrow() -> bool:
    """Return whether the terminal is too narrow for a table with ids and text side by side."""
    return out.width < 110


def plural(count: int, noun: str) -> str:
    """Return ``1 trace``, ``2 traces``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _repeat(show: Callable[[], object], *, watch: bool) -> None:
    """Call a function once, or until Ctrl-C. Then a known failure does not end the repetition."""
    if not watch:
        show()
        return
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            if out.is_terminal:
                out.clear()
            try:
                show()
            except KNOWN_FAILURES as error:
                print_failure(error)
            sys.stdout.flush()
            time.sleep(_WATCH_S)


def print_failure(error: Exception) -> None:
    """Print a known failure on stderr."""
    err.print(f"[bold red]✖[/] {escape(str(error))}")


class ProgressPrinter:
    """Prints each step of a start or stop on stderr. Download progress overwrites one line."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._fetching = False

    def __call__(self, event: Event) -> None:
        """Print one step."""
        text = f"{event.part:<14} {event.state:<9} {event.detail}"
        if event.state == "fetching" and err.is_terminal:
            self._fetching = True
            err.print(text, end="\r")
            return
        if self._fetching:
            self._fetching = False
            err.print()
        err.print(f"[dim]{time.monotonic() - self._started:5.1f} s[/]  {text}", style=_STYLES.get(event.state))
