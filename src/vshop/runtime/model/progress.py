"""Progress events of a start or stop."""

import threading
from collections.abc import Callable
from typing import Literal, NamedTuple

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
