"""The virtual shop: real microservices, every order in one distributed trace, every fault with its cause written down."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from vshop.corpus import Corpus

__all__ = ["__version__", "load_corpus"]

__version__ = "0.1.0"


def load_corpus(path: "Path | str | None" = None) -> "Corpus":
    """Load a corpus: every incident as it was recorded, with its ground truth. Nothing is started.

    Args:
        path: a folder or zip that ``vshop export`` wrote; the golden corpus of this version when not given.

    Raises:
        CorpusError: there is none.
    """
    from vshop.corpus import load_corpus as load  # noqa: PLC0415 - importing vshop stays cheap

    return load(path)
