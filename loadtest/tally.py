"""Adds up what the shoppers wrote down."""

import contextlib
import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from loadtest.ledger import Accepted, Line, Refused, Retried, Unsure


class Tally:
    """The shoppers' side of the reckoning: which orders they were promised, and what else they were told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.accepted = 0
        self.first_at = self.last_at = 0.0
        """When the first and the last order were accepted, in seconds since the epoch."""
        self.orders: Counter[int] = Counter()
        self.pieces: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self.retried: Counter[str] = Counter()
        self.unsure: list[Unsure] = []
        self.wrongly_accepted: list[Accepted] = []
        self.wrongly_refused: list[Refused] = []
        self.just_accepted: Accepted | None = None
        """The order of the line that was taken last, if it is one."""
        self.by_id: dict[str, Accepted] = {}
        """The accepted orders."""
        self._by_trace: dict[str, Accepted] = {}
        self._retries: list[Accepted] = []
        self._moments: dict[int, list[float]] = defaultdict(list)

    def take(self, line: Line) -> None:
        """Count a line of the ledger."""
        self.just_accepted = line if isinstance(line, Accepted) else None
        match line:
            case Accepted():
                self.accepted += 1
                self.first_at = self.first_at or line.at
                self.last_at = line.at
                self.by_id[line.order_id] = self._by_trace[line.trace_id] = line
                self.orders[line.item_id] += 1
                self.pieces[line.item_id] += line.quantity
                self._moments[line.item_id].append(line.at)
                if line.wrong:
                    self.wrongly_accepted.append(line)
                if line.tries > 1:
                    self._retries.append(line)
            case Refused():
                self.refused[_reason(line)] += 1
                if line.deserved not in {None, line.status}:
                    self.wrongly_refused.append(line)
            case Retried():
                self.retried[line.reason] += 1
            case Unsure():
                self.unsure.append(line)

    def of_letter(self, letter: Mapping[str, Any]) -> Accepted | None:
        """Find the accepted order that a dead letter is: by its trace, or by the record where that can be read."""
        by_trace = self._by_trace.get(letter["traceId"] or "")
        with contextlib.suppress(ValueError, TypeError, LookupError):
            return self.by_id[json.loads(letter["value"])["orderId"]]
        return by_trace

    def most_between_tries(self) -> int:
        """Return how many orders for the same item were accepted, at most, between an order's first try and its last.

        The item remembers its last 100 orders: as long as this is less, a retry is recognised.
        """
        moments = {item: sorted(at) for item, at in self._moments.items()}
        between = [
            bisect_left(moments[order.item_id], order.at) - bisect_right(moments[order.item_id], order.began)
            for order in self._retries
        ]
        return max(between, default=0)


def _reason(line: Refused) -> str:
    if line.incident:
        return f"{line.reason} (under {line.incident})"
    return f"{line.reason} (a wrong order: {line.wrong})" if line.wrong else line.reason
