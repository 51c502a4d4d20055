"""Polls a condition that nothing signals."""

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def poll(condition: Callable[[], _T], timeout_s: float, first_pause_s: float = 0.05, longest_pause_s: float = 0.2) -> _T:
    """Call a condition, at least once, until its result is true or the time is over; return the last result."""
    pause_s, deadline = first_pause_s, time.monotonic() + timeout_s
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, longest_pause_s)
    return result
