"""What can go wrong with a corpus.

::

    Exception
    └── CorpusError             a corpus cannot be made or read; the text says what was tried and seen
        └── ExportFailedError   an incident did not show what its file says while it was recorded
"""


class CorpusError(Exception):
    """A corpus cannot be made or read."""


class ExportFailedError(CorpusError):
    """An incident did not show what its file says; nothing false goes into a corpus."""
