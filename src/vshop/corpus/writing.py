"""Writes a corpus: a folder for each case, and an index."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from vshop import __version__
from vshop.corpus.case_files import CaseFiles
from vshop.corpus.errors import CorpusError


class Writer:
    """Writes the cases of one corpus."""

    def __init__(self, out: Path, seed: int | None) -> None:
        """Make the folder.

        Args:
            out: where to.
            seed: what it was made canonical with; None for as observed.

        Raises:
            CorpusError: there is something in it.
        """
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CorpusError(f"{out} is not empty. Name a folder that is, or that does not exist yet.")
        out.mkdir(parents=True, exist_ok=True)
        self._out, self._seed = out, seed
        self._cases: list[dict[str, Any]] = []

    def write(self, case: CaseFiles) -> None:
        """Write one case's folder."""
        folder = self._out / case.id
        folder.mkdir()
        for name, content in (*case.signals.items(), ("jaeger", case.jaeger), ("truth", case.truth)):
            _write(folder / f"{name}.json", content)
        incident = case.truth["incident"]
        self._cases.append(
            {
                "id": case.id,
                "fault": incident["fault"],
                "pairOf": incident.get("pairOf"),
                "title": incident["title"],
                "scope": case.truth["scope"],
                "traceIds": list(dict.fromkeys(one["traceId"] for one in case.truth["traces"])),
                "culprits": case.truth["culprits"],
            }
        )

    def finish(self) -> None:
        """Write the index."""
        index = {"schemaVersion": "1", "shopVersion": __version__, "seed": self._seed, "cases": self._cases}
        _write(self._out / "index.json", index)


@contextmanager
def as_zip(file: Path) -> Iterator[Path]:
    """Have a folder for the block; what is in it afterwards becomes a zip, whose bytes depend on nothing else.

    Raises:
        CorpusError: the file exists already.
    """
    if file.exists():
        raise CorpusError(f"{file} exists already. Remove it, or name another file.")
    with tempfile.TemporaryDirectory(prefix="vshop-corpus-") as folder:
        yield Path(folder)
        file.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(Path(folder).rglob("*.json")):
                entry = zipfile.ZipInfo(str(path.relative_to(folder)))  # dated 1980, whenever it is made
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def _write(path: Path, content: Any) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
