"""A JSON line for each change: the ground truth of a run, and the board's state."""

import logging
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from vshop.kit.chaos.switches import Switch
from vshop.kit.http import json_body
from vshop.kit.settings import SettingsError
from vshop.kit.times import parse_utc

log = logging.getLogger(__name__)

By = Literal["api", "expiry", "reset", "rollback"]


class Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One change."""

    time: str
    """When the revision was raised."""
    incident: str
    state: Literal["on", "off"]
    revision: int
    probability: float = 1.0
    items: tuple[int, ...] = ()
    until: str | None = None
    by: By = "api"
    """``expiry``: its time was over. ``reset``: all off. ``rollback``: a service did not acknowledge it."""
    acknowledged_by: tuple[str, ...] = ()
    ack_ms: float = 0.0

    def switch(self) -> Switch:
        """Return the switch after the change."""
        until = None if self.until is None else parse_utc(self.until)
        return Switch(on=self.state == "on", probability=self.probability, items=self.items, until=until)


class Journal:
    """The latest lines in memory, and all in a file, if it has one."""

    def __init__(self, file: Path | None = None, keep: int = 10_000) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._lines: deque[Line] = deque(maxlen=keep)
        self.latest: dict[str, Line] = {}
        """The last line of each incident, by id."""
        try:
            for line in self._stored():
                self._remember(line)
        except OSError as error:
            raise SettingsError(f"SHOP_JOURNAL: {error}. Name a file that this process may write, or leave it empty.") from error

    def append(self, lines: Iterable[Line]) -> None:
        """Add lines, or raise OSError with nothing added."""
        lines = list(lines)
        with self._lock:
            if self._file:
                text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
                with self._file.open("ab+") as out:
                    if out.seek(0, os.SEEK_END):
                        out.seek(-1, os.SEEK_END)
                        text = text if out.read(1) == b"\n" else b"\n" + text
                    out.write(text)
            for line in lines:
                self._remember(line)

    def clear(self) -> int:
        """Rename the file to ``<name>.before``, and return how many lines were in memory. Raises OSError with nothing removed."""
        with self._lock:
            if self._file and self._file.exists():
                self._file.replace(self._file.with_name(f"{self._file.name}.before"))
            held = len(self._lines)
            self._lines.clear()
            self.latest.clear()
            return held

    def lines(self, *, after_revision: int = -1, since: float = 0.0) -> list[Line]:
        """Return the lines of later revisions and since a time (seconds since the epoch), oldest first."""
        with self._lock:
            held = list(self._lines)
        return [line for line in held if line.revision > after_revision and parse_utc(line.time) >= since]

    def check(self) -> str:
        """Describe where the journal is, for the readiness check. Raises OSError if it cannot be written."""
        if not self._file:
            return "in memory"
        with self._file.open("ab"):
            return f"{self._file.name} is writable"

    def _remember(self, line: Line) -> None:
        self._lines.append(line)
        self.latest[line.incident] = line

    def _stored(self) -> Iterator[Line]:
        if not self._file:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if not self._file.exists():
            return
        with self._file.open("rb") as stored:
            for number, text in enumerate(stored, 1):
                try:
                    yield json_body.decode(text, Line)
                except msgspec.MsgspecError:
                    if text.strip():
                        log.warning("skipping line %d of the journal: it is cut off or not a journal line", number)
