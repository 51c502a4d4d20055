"""The virtual shop: real microservices, each order one trace, each fault with its cause."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from vshop.corpus import Corpus

__all__ = ["__version__", "load_corpus"]

__version__ = "0.1.0"


def load_corpus(path: "Path | str | None" = None) -> "Corpus":
    """Load a folder or zip that ``vshop export`` wrote, or the golden corpus of this version. Raises CorpusError."""
    from vshop.corpus import load_corpus as load  # noqa: PLC0415 - importing vshop stays cheap

    return load(path)
