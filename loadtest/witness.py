"""Names the orders that were taken from the stock, one by one: each item remembers its last hundred, and is looked at often."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

REMEMBERED = 100
"""How many orders an item remembers."""


class Named(NamedTuple):
    """Where the table and the promises differ, by order id."""

    lost: list[str]
    """Accepted, and taken nowhere; empty where some were taken unseen, for then nobody knows."""
    doubled: list[str]
    """Taken more than once; one that was taken three times stands here twice."""
    of_others: list[str]
    """Taken, and placed by none of these shoppers."""


class Witness:
    """The ids of the orders that the table took, in as many looks as it needs to miss none."""

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Args: items: the table before the first order, as ``GET /stock`` tells it."""
        self.taken: Counter[str] = Counter()
        """By order id, how often it was taken from the stock."""
        self.unseen = 0
        """At most so many orders came and went between two looks at their item."""
        self._last = {item["id"]: (item["version"], list(item["recent"])) for item in items}

    def look(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Take down what is new in the table.

        Args:
            items: the table as it is now.
        """
        for item in items:
            version, before = self._last[item["id"]]
            now, versions = list(item["recent"]), item["version"] - version
            new = _new(before, now, versions)
            self.taken.update(new)
            if len(new) == len(now) >= REMEMBERED:  # nothing is left of what was there
                self.unseen += max(0, versions - len(new))
            self._last[item["id"]] = (item["version"], now)

    def compare(self, accepted: Collection[str], elsewhere: Collection[str], unsure: Collection[str]) -> Named:
        """Hold what the table took against what was promised.

        Args:
            accepted: the orders that were answered 202.
            elsewhere: those of them that were sold out or are dead letters.
            unsure: orders that were given up: the table may have them.
        """
        missing = [one for one in accepted if one not in self.taken and one not in elsewhere]
        doubled = [one for one, times in self.taken.items() for _ in range(times - 1)]
        of_others = [one for one in self.taken if one not in accepted and one not in unsure]
        return Named([] if self.unseen else missing, doubled, of_others)


def _new(before: list[str], now: list[str], versions: int) -> list[str]:
    """Return what was added to a list that keeps its last entries: the shortest end of it that makes it what it is."""
    for count in range(min(versions, len(now)) + 1):
        grown = before + now[len(now) - count :]
        if len(grown) >= len(now) and grown[len(grown) - len(now) :] == now:
            return now[len(now) - count :]
    return now
