"""Reads and writes points in time; inside the observatory they are nanoseconds since the epoch."""

import datetime as dt
import re
from decimal import Decimal

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_YEAR_ONE_S = 62_135_596_800  # before the epoch
# A plus sign that was not percent-encoded in a URL arrives as a blank.
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(?:(Z)|([+ -])(\d\d:\d\d))", re.ASCII)
_NUMBER = re.compile(r"\d{1,19}(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TOO_LARGE = 10**19
# Units of numbers by their size: what is taken for seconds reaches to the year 5138, milliseconds begin in 1973, and so on.
_UNITS_NS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))


def read(text: str) -> int:
    """Read RFC 3339 (``2026-09-21T14:13:20.5Z``), or a number of seconds, ms, µs or ns since the epoch.

    Which unit a number is in shows in its size; it may have decimals, and an exponent, as in JSON.

    Raises:
        ValueError: it is none of them.
    """
    if _NUMBER.fullmatch(text) is None:
        return rfc3339_ns(text)
    number = Decimal(text)
    if number >= _TOO_LARGE:
        raise ValueError(f"{text!r} is too large for a number since the epoch")
    return int(number * next((unit for limit, unit in _UNITS_NS if number < limit), 1))


def rfc3339_ns(text: str) -> int:
    """Read RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339#section-5.6) with up to nine decimals.

    Raises:
        ValueError: it is none.
    """
    parts = _RFC3339.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is neither RFC 3339, as in 2026-09-21T14:13:20Z, nor a number since the epoch")
    day, time, fraction, utc, sign, offset = parts.groups()
    zone = utc or ("-" if sign == "-" else "+") + offset
    moment = dt.datetime.fromisoformat(f"{day}T{time}{zone}")
    return int(moment.timestamp()) * 10**9 + int((fraction or "").ljust(9, "0"))


def rfc3339(ns: int) -> str:
    """Write a moment: ``2026-09-21T14:13:20.000000000Z``; one outside the years 1 to 6325 becomes the nearest."""
    seconds, rest = divmod(ns, 10**9)
    moment = _EPOCH + dt.timedelta(seconds=max(-_YEAR_ONE_S, min(seconds, 2**37)))
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}.{rest:09d}Z"
