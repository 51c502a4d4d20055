"""Gives things that differ from run to run names that do not: by a seed, a case, and the place where they first stand.

Nothing here touches a random generator: a name is a hash of the seed and of what is named.
"""

import hashlib


class Names:
    """Hands out names; what was named before keeps its name."""

    def __init__(self, seed: int, case: str) -> None:
        """Args: seed: other seeds give other names. case: the case's id, so that no two cases share an id."""
        self._root = f"{seed}/{case}"
        self._given: dict[str, str] = {}
        self._count = 0

    def hexadecimal(self, original: str) -> str:
        """Name a trace or span id; the name has its length."""
        if original not in self._given:
            self._given[original] = self._next()[: len(original)]
        return self._given[original]

    def uuid(self, original: str) -> str:
        """Name a UUID; the name is one of version 4, as the originals are."""
        if original not in self._given:
            text = self._next()
            self._given[original] = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
        return self._given[original]

    def _next(self) -> str:
        self._count += 1
        return hashlib.sha256(f"{self._root}/{self._count}".encode()).hexdigest()
