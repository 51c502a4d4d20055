"""Follows the files that an observatory writes (``SHOP_EXPORT_DIR``): what has come since one looked last."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from vshop.corpus.otlp import Row, Signal, rows


class Tail:
    """Reads one signal's file on and on; only whole lines are taken."""

    def __init__(self, folder: Path, signal: Signal) -> None:
        """Args: folder: where the file is, or will be. signal: which."""
        self._file = folder / f"{signal}.jsonl"
        self._signal: Signal = signal
        self._read = 0

    def new(self) -> Iterator[Row]:
        """Yield what was written since the last call."""
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                yield from rows(msgspec.json.decode(line), self._signal)
