"""Converts times between text and nanoseconds since the epoch, and reads the time and polls."""

import datetime as dt
import re
import time
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.2

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_YEAR_ONE_S = 62_135_596_800  # before the epoch
# A plus sign that was not percent-encoded in a URL arrives as a space.
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(?:(Z)|([+ -])(\d\d:\d\d))", re.ASCII)
_NUMBER = re.compile(r"\d{1,19}(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TOO_LARGE = 10**19
# Numbers below each limit have this unit. Seconds reach to the year 5138; milliseconds begin in 1973.
_UNITS_NS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))


def parse_time(text: str) -> int:
    """Return nanoseconds since the epoch from RFC 3339, or a number of s, ms, µs or ns by its size. Raises ValueError."""
    if _NUMBER.fullmatch(text) is None:
        if _RFC3339.fullmatch(text) is None:
            raise ValueError(f"{text!r} is neither RFC 3339, as in 2026-09-21T14:13:20Z, nor a number since the epoch")
        return parse_rfc3339(text)
    number = Decimal(text)
    if number >= _TOO_LARGE:
        raise ValueError(f"{text!r} is too large for a number since the epoch")
    return int(number * next((unit for limit, unit in _UNITS_NS if number < limit), 1))


def parse_rfc3339(text: str) -> int:
    """Return nanoseconds (https://www.rfc-editor.org/rfc/rfc3339#section-5.6). Raises ValueError."""
    parts = _RFC3339.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is not RFC 3339, as in 2026-09-21T14:13:20Z")
    day, clock, fraction, utc, sign, offset = parts.groups()
    zone = utc or ("-" if sign == "-" else "+") + offset
    moment = dt.datetime.fromisoformat(f"{day}T{clock}{zone}")
    return int(moment.timestamp()) * 10**9 + int((fraction or "").ljust(9, "0"))


def rfc3339(ns: int) -> str:
    """Format nanoseconds since the epoch as ``2026-09-21T14:13:20.000000000Z``, in the years 1 to 6325."""
    seconds, rest = divmod(ns, 10**9)
    moment = _EPOCH + dt.timedelta(seconds=max(-_YEAR_ONE_S, min(seconds, 2**37)))
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}.{rest:09d}Z"


def rfc3339_ms(seconds: float) -> str:
    """Format seconds since the epoch as ``2026-09-21T14:13:20.123Z``."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_utc(text: str) -> float:
    """Return seconds since the epoch from ISO 8601, UTC without an offset. Raises ValueError."""
    moment = dt.datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


class Clock:
    """The system clock, even while a test has frozen the time; tests replace it.

    freezegun replaces the functions of ``time`` in every module, and time-machine freezes them. Neither changes what
    ``clock_gettime`` returns for the monotonic clock, so deadlines use that.
    """

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
