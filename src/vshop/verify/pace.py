"""Waits: bounded, and in a test without any time passing."""

import time
from collections.abc import Callable

from vshop.verify.verdict import Check

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.2


class Pace:
    """The clock that a verification goes by."""

    def now(self) -> float:
        """Return the time, in seconds since the epoch: what is waited for is dated with it."""
        return time.time()

    def pause(self, seconds: float) -> None:
        """Let some time pass."""
        time.sleep(seconds)

    def until(self, ready: Callable[[], bool], within_s: float) -> bool:
        """Ask again and again until something is so.

        Args:
            ready: tells whether it is.
            within_s: how long to go on, in seconds; it is asked at least once.

        Returns:
            Whether it became so in time.
        """
        deadline, pause_s = self.now() + within_s, FIRST_PAUSE_S
        while not ready():
            if self.now() >= deadline:
                return False
            self.pause(pause_s)
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
        return True

    def until_ok(self, look: Callable[[], list[Check]], within_s: float) -> list[Check]:
        """Look again and again until all checks are as expected; returns them as they were in the end."""
        last: list[Check] = []

        def ready() -> bool:
            last[:] = look()
            return all(check.ok for check in last)

        self.until(ready, within_s)
        return last
