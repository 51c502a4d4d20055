"""Switches off, by itself, what was switched on for a time."""

import logging
import threading
from types import TracebackType
from typing import Self

from console.board import Board, BoardBusyError

log = logging.getLogger(__name__)


class Expiry:
    """A thread that watches the board's times, from the beginning to the end of a ``with`` block; the end closes the board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._thread = threading.Thread(target=self._run, name="expiry", daemon=True)

    def __enter__(self) -> Self:
        """Start to watch."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the board, so that nobody waits any more."""
        self._board.close()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while True:
            self._board.wait_until_due()
            if self._board.closed:
                return
            try:
                self._board.expire()
            except (BoardBusyError, OSError) as error:
                log.error("a switch's time is over, but: %s", error)  # noqa: TRY400 - the text says it all
