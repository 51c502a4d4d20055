from collections.abc import Callable
from typing import TypeVar

from vshop.kit.times import Clock
from vshop.runtime.model.errors import ClusterError
from vshop.shop.client import ShopError

T = TypeVar("T")
Eventually = Callable[..., T]


def wait_until(condition: Callable[[], T], timeout_s: float = 60.0) -> T:
    """Poll a condition until its result is true, and return the result. A failed connection counts as not true yet."""
    seen = ""

    def attempt() -> T | None:
        nonlocal seen
        try:
            result = condition()
        except (OSError, ShopError, ClusterError) as error:
            seen = repr(error)
            return None
        seen = repr(result)
        return result

    result = Clock().poll(attempt, timeout_s, longest_pause_s=0.1)
    assert result, f"it never came true within {timeout_s:g} s; last seen: {seen}"
    return result
