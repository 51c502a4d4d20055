"""Prints what a start or a stop tells as it happens."""

import time
from typing import TYPE_CHECKING

from vshop.cli.output import err

if TYPE_CHECKING:
    from vshop.runtime.progress import Event

_STYLES = {"ready": "green", "failed": "red", "killed": "red", "note": "yellow", "stopped": "dim"}


class Watch:
    """Prints a start's or stop's steps as they come: a line each; while jars are fetched, one line that counts up."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._fetching = False

    def __call__(self, event: "Event") -> None:
        """Print a step."""
        text = f"{event.part:<14} {event.state:<9} {event.detail}"
        if event.state == "fetching" and err.is_terminal:
            self._fetching = True
            err.print(text, end="\r")
            return
        if self._fetching:
            self._fetching = False
            err.print()
        err.print(f"[dim]{time.monotonic() - self._started:5.1f} s[/]  {text}", style=_STYLES.get(event.state))
