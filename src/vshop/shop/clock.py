"""Reads the time and polls; tests replace it.

freezegun replaces the functions of ``time`` in every module, and time-machine freezes them. Neither changes what
``clock_gettime`` returns for the monotonic clock, so deadlines use that.
"""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.2


class Clock:
    """The system clock, even while a test has frozen the time."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.clock_gettime(time.CLOCK_REALTIME)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment."""
        return time.clock_gettime(time.CLOCK_MONOTONIC)

    def sleep(self, seconds: float) -> None:
        """Block for some time."""
        time.sleep(seconds)

    def poll(self, ready: Callable[[], T], timeout_s: float, longest_pause_s: float = LONGEST_PAUSE_S) -> T:
        """Call a condition, at least once, until its result is true or the time is over; return the last result."""
        return self.read_until(ready, bool, timeout_s, longest_pause_s)[0]

    def read_until(
        self, read: Callable[[], T], enough: Callable[[T], bool], timeout_s: float, longest_pause_s: float = LONGEST_PAUSE_S
    ) -> tuple[T, bool]:
        """Read at least once, until it is enough or the time is over; return the latest, and whether it was enough."""
        deadline, pause_s = self.monotonic() + timeout_s, FIRST_PAUSE_S
        while not (is_enough := enough(latest := read())) and self.monotonic() < deadline:
            self.sleep(pause_s)
            pause_s = min(pause_s * 1.5, longest_pause_s)
        return latest, is_enough
