"""The shoppers' log, read while Locust writes it."""

import contextlib
import json
import time
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import requests

from vshop.kit.http.session import failure_reason

_TIMEOUT_S = 10


class _Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="event"):
    at: float


class Accepted(_Line, frozen=True, kw_only=True, tag="accepted"):
    order_id: str
    trace_id: str
    item_id: int
    quantity: int
    tries: int
    began: float = 0.0
    """0 if it was sent once."""
    incident: str | None = None
    wrong: str | None = None


class Refused(_Line, frozen=True, kw_only=True, tag="refused"):
    status: int
    reason: str
    incident: str | None = None
    wrong: str | None = None
    deserved: int | None = None


class Retried(_Line, frozen=True, kw_only=True, tag="retried"):
    status: int
    reason: str


class Unanswered(_Line, frozen=True, kw_only=True, tag="unsure"):
    """Without an answer; the shop may have accepted it."""

    item_id: int
    quantity: int
    username: str
    key: str
    discount_code: str | None = None


Line = Accepted | Refused | Retried | Unanswered
_decoder = msgspec.json.Decoder(Line)


class FileSource:
    silent = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[Line]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")[0]
        self._offset += len(whole) + bool(whole)
        return [_decoder.decode(line) for line in whole.split(b"\n") if line]


class LostLinesError(Exception):
    """Lines were evicted before they were read, or Locust stopped answering."""


class PageSource:
    """The page of a remote Locust, which may be unreachable for a while."""

    def __init__(self, url: str, patience_s: float = 30.0) -> None:
        self._url, self._patience_s = url.rstrip("/"), patience_s
        self._next = 0
        self._answered_at = time.monotonic()
        self.silent, self.state = False, ""

    def read(self) -> list[Line]:
        """Return the new lines; after a failed request, the next call gets them. Raises LostLinesError."""
        asked = time.monotonic()
        try:
            response = requests.get(f"{self._url}/ledger", params={"since": self._next}, timeout=_TIMEOUT_S)
            response.raise_for_status()
            answer = response.json()
        except requests.RequestException as error:
            self.silent = True
            if time.monotonic() - self._answered_at > self._patience_s:
                raise LostLinesError(
                    f"Locust at {self._url} has not answered for {self._patience_s:g} s, so its orders are unknown: "
                    f"{failure_reason(error)}"
                ) from error
            return []
        self.silent, self._answered_at = False, time.monotonic()
        if answer["first"] > self._next:
            lost = answer["first"] - self._next
            raise LostLinesError(
                f"{lost} lines of the order log were evicted unread; the last request took {time.monotonic() - asked:.1f} s."
            )
        self._next, self.state = answer["next"], answer["state"]
        return msgspec.convert(answer["lines"], list[Line])


Source = FileSource | PageSource


class OrderCounts:
    def __init__(self) -> None:
        self.accepted = 0
        self.first_at = self.last_at = 0.0  # when the first and the last order were accepted
        self.orders: Counter[int] = Counter()
        self.pieces: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        self.retried: Counter[str] = Counter()
        self.unsure: list[Unanswered] = []
        self.wrongly_accepted: list[Accepted] = []
        self.wrongly_refused: list[Refused] = []
        self.just_accepted: Accepted | None = None  # by the last line
        self.by_id: dict[str, Accepted] = {}
        self._by_trace: dict[str, Accepted] = {}
        self._retries: list[Accepted] = []
        self._moments: dict[int, list[float]] = defaultdict(list)

    def take(self, line: Line) -> None:
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
            case Unanswered():
                self.unsure.append(line)

    def of_letter(self, letter: Mapping[str, Any]) -> Accepted | None:
        """Find a dead letter's order: by its order id, else its trace id."""
        by_trace = self._by_trace.get(letter["traceId"] or "")
        with contextlib.suppress(ValueError, TypeError, LookupError):
            return self.by_id[json.loads(letter["value"])["orderId"]]
        return by_trace

    def most_between_tries(self) -> int:
        """Return the most orders for one item between an order's first and last try: below 100, every retry is recognised."""
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
