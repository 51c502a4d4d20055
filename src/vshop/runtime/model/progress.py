"""What every way to run a shop can do, and the progress that it reports."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

from vshop.runtime.model.probes import probe_shop

EventState = Literal["fetching", "starting", "ready", "stopping", "stopped", "killed", "failed", "note"]


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
