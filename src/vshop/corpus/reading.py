"""Reads a corpus: the one that the package brings along, or any that ``vshop export`` wrote."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from vshop.corpus.case import Case
from vshop.corpus.errors import CorpusError
from vshop.corpus.otlp import Json

GOLDEN = Path(__file__).parent / "golden.zip"
"""The corpus that the package brings along, made with seed 1."""


class Corpus(Mapping[str, Case]):
    """Cases by the incidents' ids. Nothing is read before it is asked for."""

    def __init__(self, index: Json, read: Callable[[str], bytes]) -> None:
        """Args: index: its index. read: reads a file of it."""
        self.shop_version: str = index["shopVersion"]
        self.seed: int | None = index["seed"]
        self._cases = {entry["id"]: Case(entry, read) for entry in index["cases"]}

    @property
    def faults(self) -> list[Case]:
        """Cases in which something is wrong."""
        return [case for case in self.values() if case.fault]

    @property
    def twins(self) -> list[Case]:
        """Cases that look like a fault, and nothing is wrong."""
        return [case for case in self.values() if not case.fault]

    def __getitem__(self, incident_id: str) -> Case:
        """Return a case."""
        return self._cases[incident_id]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids."""
        return iter(self._cases)

    def __len__(self) -> int:
        """Count the cases."""
        return len(self._cases)


def load_corpus(path: Path | str | None = None) -> Corpus:
    """Load a corpus, without starting anything.

    Args:
        path: a folder that ``vshop export`` wrote, or a zip of it; the golden corpus of this version when not given.

    Raises:
        CorpusError: there is none.
    """
    where = GOLDEN if path is None else Path(path)
    read = _from_folder(where) if where.is_dir() else _from_zip(where)
    try:
        return Corpus(msgspec.json.decode(read("index.json")), read)
    except (OSError, KeyError, ValueError) as error:
        message = f"{where} holds no corpus ({type(error).__name__}: {error}). `vshop export --out DIR --seed 1` makes one."
        raise CorpusError(message) from error


def _from_folder(folder: Path) -> Callable[[str], bytes]:
    return lambda name: (folder / name).read_bytes()


def _from_zip(file: Path) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        with zipfile.ZipFile(file) as archive:
            return archive.read(name)

    return read
