"""The journal: what was on when, one line of JSON a change. It is the ground truth of a run, and what a board is restored from."""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from console import moments
from vshop.kit import json_text
from vshop.kit.chaos import Switch
from vshop.kit.settings import SettingsError

log = logging.getLogger(__name__)

By = Literal["api", "expiry", "reset", "rollback"]


class Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One change of one incident."""

    time: str
    """When the revision was raised; the services took it over within ``ack_ms``."""
    incident: str
    state: Literal["on", "off"]
    revision: int
    probability: float = 1.0
    items: tuple[int, ...] = ()
    until: str | None = None
    by: By = "api"
    """``api``: asked for. ``expiry``: its time was over. ``reset``: all off. ``rollback``: undone, a service was silent."""
    acknowledged_by: tuple[str, ...] = ()
    ack_ms: float = 0.0

    def switch(self) -> Switch:
        """Return the state that the line tells of."""
        until = None if self.until is None else moments.read(self.until)
        return Switch(on=self.state == "on", probability=self.probability, items=self.items, until=until)


class Journal:
    """Keeps the latest lines in memory and, where it has a file, all of them there."""

    def __init__(self, file: Path | None = None, keep: int = 10_000) -> None:
        """Begin, or go on with what the file holds.

        Args:
            file: where the lines are kept; None for nowhere.
            keep: how many lines stay in memory, and are read back.

        Raises:
            SettingsError: the file cannot be read.
        """
        self._file = file
        self._lock = threading.Lock()
        self._lines: deque[Line] = deque(maxlen=keep)
        self.latest: dict[str, Line] = {}
        """By incident, its last line."""
        try:
            for line in self._stored():
                self._remember(line)
        except OSError as error:
            raise SettingsError(f"SHOP_JOURNAL: {error}. Name a file that this process may read and write, or none.") from error

    def append(self, lines: Iterable[Line]) -> None:
        """Add lines.

        Raises:
            OSError: the file cannot be written; then nothing is added.
        """
        lines = list(lines)
        with self._lock:
            if self._file:
                torn = self._file.exists() and self._file.stat().st_size > 0 and self._last_byte() != b"\n"
                text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
                with self._file.open("ab") as out:
                    out.write(b"\n" + text if torn else text)
            for line in lines:
                self._remember(line)

    def begin_anew(self) -> int:
        """Leave out what was until now. A file is set aside, with ``.before`` at the end of its name, in place of an earlier one.

        Returns:
            How many lines it held in memory.

        Raises:
            OSError: the file cannot be set aside; then all stays as it was.
        """
        with self._lock:
            if self._file and self._file.exists():
                self._file.replace(self._file.with_name(f"{self._file.name}.before"))
            held = len(self._lines)
            self._lines.clear()
            self.latest.clear()
            return held

    def lines(self, *, after_revision: int = -1, since: float = 0.0) -> list[Line]:
        """Return the lines in memory, oldest first.

        Args:
            after_revision: only those of later revisions.
            since: only those of this time or later, in seconds since the epoch.
        """
        with self._lock:
            held = list(self._lines)
        return [line for line in held if line.revision > after_revision and moments.read(line.time) >= since]

    def check(self) -> str:
        """Say where the journal is kept.

        Raises:
            OSError: its file cannot be written.
        """
        if not self._file:
            return "in memory"
        with self._file.open("ab"):
            return f"{self._file.name} is writable"

    def _remember(self, line: Line) -> None:
        self._lines.append(line)
        self.latest[line.incident] = line

    def _last_byte(self) -> bytes:
        assert self._file  # noqa: S101 - asked for with a file only
        with self._file.open("rb") as stored:
            stored.seek(-1, 2)
            return stored.read(1)

    def _stored(self) -> Iterator[Line]:
        if not self._file:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if not self._file.exists():
            return
        with self._file.open("rb") as stored:
            for number, text in enumerate(stored, 1):
                try:
                    yield json_text.decode(text, Line)
                except msgspec.MsgspecError:
                    if text.strip():
                        log.warning("line %d of the journal is cut off or foreign; going on without it", number)
