"""What can be wrong with a catalogue, or with what is asked of it.

::

    Exception
    ├── CatalogueError          a file is not what it should be; the text names file and place
    └── UnknownIncidentError    no incident has this id; the text names near ones
"""

import difflib
from collections.abc import Iterable


class CatalogueError(Exception):
    """A catalogue file cannot be used; the text names the file and the place in it."""


class UnknownIncidentError(LookupError):
    """There is no incident of this id.

    Attributes:
        incident: the id that was asked for.
        near: ids that look like it, the nearest first.
    """

    def __init__(self, incident: str, known: Iterable[str]) -> None:
        """Args: incident: what was asked for. known: the ids there are."""
        self.incident = incident
        self.near = difflib.get_close_matches(incident, list(known), n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(self.near)}?" if self.near else ""
        super().__init__(f"There is no incident {incident!r}.{hint} `vshop incidents list` shows them all.")
