"""What the shoppers wrote down, read while they go on writing."""

import time
from pathlib import Path
from typing import Protocol

import msgspec
import requests

from vshop.kit.http_session import why

_TIMEOUT_S = 10


class _Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="event"):
    at: float
    """When it was written, in seconds since the epoch."""


class Accepted(_Line, frozen=True, kw_only=True, tag="accepted"):
    """An order that was answered 202."""

    order_id: str
    trace_id: str
    item_id: int
    quantity: int
    tries: int
    began: float = 0.0
    """When it was sent first, in seconds since the epoch; 0 when it was sent once."""
    incident: str | None = None
    """The incident that was on for this order alone."""
    wrong: str | None = None
    """What is wrong with it, so that it should not have been accepted."""


class Refused(_Line, frozen=True, kw_only=True, tag="refused"):
    """An order that was refused for good."""

    status: int
    reason: str
    incident: str | None = None
    wrong: str | None = None
    deserved: int | None = None
    """The status that a wrong order should get."""


class Retried(_Line, frozen=True, kw_only=True, tag="retried"):
    """A try that came to nothing; the order was sent again."""

    status: int
    reason: str


class Unsure(_Line, frozen=True, kw_only=True, tag="unsure"):
    """An order that was given up without an answer: the shop may have it."""

    item_id: int
    quantity: int
    username: str
    key: str
    discount_code: str | None = None


Line = Accepted | Refused | Retried | Unsure
_decoder = msgspec.json.Decoder(Line)


class Source(Protocol):
    """Where lines come from."""

    silent: bool
    """Whether the last call came to nothing: there may be lines that it did not get."""

    def read(self) -> list[Line]:
        """Return the lines that are new since the last call."""


class FileSource:
    """The file of a Locust that runs here."""

    silent = False

    def __init__(self, path: Path) -> None:
        """Args: path: the file; may not be there yet."""
        self._path = path
        self._offset = 0

    def read(self) -> list[Line]:
        """Return the lines that are new since the last call; one that is only half written yet comes with the next."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")[0]
        self._offset += len(whole) + bool(whole)
        return [_decoder.decode(line) for line in whole.split(b"\n") if line]


class LostLinesError(Exception):
    """The page no longer holds lines that were not read yet, or does not answer any more."""


class PageSource:
    """The page of a Locust that runs elsewhere, with its workers."""

    def __init__(self, url: str, patience_s: float = 30.0) -> None:
        """Args: url: address of Locust's page. patience_s: how long it may not answer."""
        self._url, self._patience_s = url.rstrip("/"), patience_s
        self._next = 0
        self._answered_at = time.monotonic()
        self.silent, self.state = False, ""

    def read(self) -> list[Line]:
        """Return the lines that are new since the last call, and note the state that Locust is in.

        A page that does not answer, as when a forward finds another pod, is asked again with the next call: it keeps its lines.

        Raises:
            LostLinesError: they were not read in time, or the page has not answered for too long.
        """
        asked = time.monotonic()
        try:
            response = requests.get(f"{self._url}/ledger", params={"since": self._next}, timeout=_TIMEOUT_S)
            response.raise_for_status()
            answer = response.json()
        except requests.RequestException as error:
            self.silent = True
            if time.monotonic() - self._answered_at > self._patience_s:
                raise LostLinesError(
                    f"Locust at {self._url} has not answered for {self._patience_s:g} s, so its orders are unknown: {why(error)}"
                ) from error
            return []
        self.silent, self._answered_at = False, time.monotonic()
        if answer["first"] > self._next:
            lost = answer["first"] - self._next
            raise LostLinesError(
                f"{lost} lines of the ledger are gone: {time.monotonic() - asked:.1f} s are too long between looks."
            )
        self._next, self.state = answer["next"], answer["state"]
        return msgspec.convert(answer["lines"], list[Line])
