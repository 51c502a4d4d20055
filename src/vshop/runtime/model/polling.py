"""Polls a condition that nothing signals, such as the readiness of another program."""

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


def poll(condition: Callable[[], _T], timeout_s: float, first_pause_s: float = 0.05, longest_pause_s: float = 0.2) -> _T:
    """Call a condition with growing pauses until its result is true or the timeout is over.

    Returns:
        The last result. The condition is called at least once.
    """
    pause_s, deadline = first_pause_s, time.monotonic() + timeout_s
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, longest_pause_s)
    return result
