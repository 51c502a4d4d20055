"""Waiting for what comes about by itself, without a guess at how long that takes."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from vshop.client import ShopError
from vshop.runtime.errors import ClusterError

T = TypeVar("T")
Eventually = Callable[..., T]


def wait_until(condition: Callable[[], T], timeout_s: float = 60.0) -> T:
    """Ask again and again until the answer is true, and return it; fail with what was seen last when it never is.

    Args:
        condition: what is asked; not to be reached counts as not true yet.
        timeout_s: how long.
    """
    pause, wait_s, deadline = threading.Event(), 0.005, time.monotonic() + timeout_s
    while True:
        try:
            answer = condition()
        except (OSError, ShopError, ClusterError) as error:
            seen = repr(error)
        else:
            if answer:
                return answer
            seen = repr(answer)
        assert time.monotonic() < deadline, f"it never came true within {timeout_s:g} s; last seen: {seen}"
        pause.wait(wait_s)
        wait_s = min(1.5 * wait_s, 0.1)
