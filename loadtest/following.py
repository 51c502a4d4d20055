"""Keeps an eye on a load while it runs, and says how it goes."""

import sys
import time
from collections.abc import Callable

from rich.console import Console

from loadtest.accounts import Accounts
from loadtest.swarm import Swarm

_LOOK_S = 0.25
_LINE_EVERY_S = 10.0  # where the output is no terminal


class Progress:
    """One line on a terminal that is written over and over; elsewhere a line now and then. On stderr: stdout is the report's."""

    def __init__(self, orders: int = 0) -> None:
        """Args: orders: how many there are to be, for the time that is left; 0 when nobody knows."""
        self._console = Console(stderr=True, highlight=False)
        self._began = time.monotonic()
        self._told = 0.0
        self._orders = orders

    def tell(self, text: str) -> None:
        """Say something that stays."""
        blank = "\r\x1b[K" if sys.stderr.isatty() else ""
        self._console.file.write(blank)
        self._console.print(f"[dim]{time.monotonic() - self._began:7.1f} s[/]  {text}", soft_wrap=True)

    def show(self, accounts: Accounts) -> None:
        """Say how far it is."""
        now = time.monotonic()
        if now - self._told < (0.5 if sys.stderr.isatty() else _LINE_EVERY_S):
            return
        self._told = now
        tally, watcher = accounts.tally, accounts.watcher
        words = [
            f"accepted {tally.accepted}{self._left(tally.accepted, now)}",
            f"traces whole {watcher.whole}, broken {len(watcher.broken)}, awaited {len(watcher.pending())}",
            f"tried again {sum(tally.retried.values())}",
            f"refused {sum(tally.refused.values())}",
        ]
        text = "  ".join(words)
        if sys.stderr.isatty():
            self._console.file.write(f"\r\x1b[K{now - self._began:7.1f} s  {text}")
            self._console.file.flush()
        else:
            self.tell(text)

    def _left(self, accepted: int, now: float) -> str:
        if not self._orders or not accepted:
            return ""
        seconds = (now - self._began) / accepted * max(0, self._orders - accepted)
        return f" of {self._orders}, {int(seconds) // 60}:{int(seconds) % 60:02} min left"


def follow(swarm: Swarm, accounts: Accounts, progress: Progress, done: Callable[[], bool] = lambda: False) -> None:
    """Read the ledger until the shoppers have gone home; they are sent home when this is interrupted.

    Args:
        swarm: the shoppers.
        accounts: get what they write down.
        progress: shown how far it is.
        done: asked again and again whether the shoppers may go home; may raise, which sends them home as well.
    """
    try:
        while swarm.running() and not done():
            accounts.take(swarm.source)
            progress.show(accounts)
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        progress.tell("interrupted: the shoppers finish what they are at, then the accounts are made up")
    finally:
        swarm.stop()
    accounts.take(swarm.source)
    while swarm.source.silent:
        time.sleep(_LOOK_S)
        accounts.take(swarm.source)
