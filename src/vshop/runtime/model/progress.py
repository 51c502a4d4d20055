"""What every way to run a shop can do, the progress that it reports, and polling."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from vshop.runtime.model.probes import probe_shop

EventState = Literal["fetching", "starting", "ready", "stopping", "stopped", "killed", "failed", "note"]
_T = TypeVar("_T")


class Event(NamedTuple):
    """One step of one part. ``fetching`` may repeat, with a detail that counts up."""

    part: str
    state: EventState
    detail: str = ""


Progress = Callable[[Event], None]
"""Several threads call it, one at a time."""


def silent(_event: Event) -> None:
    """Ignore an event."""


def serialized(progress: Progress) -> Progress:
    """Return a callback that takes one call at a time."""
    lock = threading.Lock()

    def locked(event: Event) -> None:
        with lock:
            progress(event)

    return locked


class Started(NamedTuple):
    """A shop that `up` has started."""

    addresses: Mapping[str, str]
    details: Mapping[str, Any]
    rows: Mapping[str, str] = {}
    """For people, by label."""
    notes: tuple[str, ...] = ()
    already: bool = False


class Ended(NamedTuple):
    """Result of `down`."""

    found: bool
    text: str


class Mode(Protocol):
    """A way to run a shop. Every method may raise a RuntimeProblem."""

    name: str
    first_order_s: float

    def up(self, progress: Progress) -> Started:
        """Start the shop and wait until every part is ready."""

    def down(self, progress: Progress) -> Ended:
        """Stop the shop."""

    def status(self) -> dict[str, Any]:
        """Check every part once: ``ready`` for the whole shop, and ``parts`` by name."""
        return probe_shop(self.addresses())

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the running shop, by field of ``vshop.shop.addresses.Addresses``."""


def poll(condition: Callable[[], _T], timeout_s: float, first_pause_s: float = 0.05, longest_pause_s: float = 0.2) -> _T:
    """Call a condition, at least once, until its result is true or the time is over; return the last result."""
    pause_s, deadline = first_pause_s, time.monotonic() + timeout_s
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, longest_pause_s)
    return result
