"""What a start or a stop tells whoever watches it, as it happens."""

import threading
from collections.abc import Callable
from typing import Literal, NamedTuple

State = Literal["fetching", "starting", "ready", "stopping", "stopped", "killed", "failed", "note"]


class Event(NamedTuple):
    """One step of one part.

    ``fetching`` may come many times (its detail counts up); ``note`` carries something a person should know and changes nothing.
    """

    part: str
    state: State
    detail: str = ""


Progress = Callable[[Event], None]
"""Called from the thread that starts or stops the shop and, while parts are awaited, from others; one call at a time."""


def silent(_event: Event) -> None:
    """Say nothing."""


def one_at_a_time(progress: Progress) -> Progress:
    """Make a callback that may be called from several threads.

    Args:
        progress: what is to be called, by one of them at a time.
    """
    lock = threading.Lock()

    def called(event: Event) -> None:
        with lock:
            progress(event)

    return called
