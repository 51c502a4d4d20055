"""Writes and reads values as Go's standard library does, because Jaeger is a Go program and its answers carry Go's texts."""

import base64
import datetime as dt
import json
import math
import re
from typing import Any

# Go takes both signs for micro.
_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([^0-9.]*)")
_HTML_SAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def parse_duration(text: str) -> int:
    """Read a duration such as ``1.2ms`` or ``1h30m`` (https://pkg.go.dev/time#ParseDuration).

    Returns:
        Nanoseconds.

    Raises:
        ValueError: it is none; the text is Go's.
    """
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0
    quoted, total_ns = json.dumps(text, ensure_ascii=False), 0
    while part := _PART.match(rest):
        number, unit = part.groups()
        if unit not in _UNITS_NS:
            raise ValueError(
                f"time: unknown unit {json.dumps(unit)} in duration {quoted}"
                if unit
                else f"time: missing unit in duration {quoted}"
            )
        whole, _, fraction = number.partition(".")
        total_ns += int(whole or 0) * _UNITS_NS[unit] + int(fraction or 0) * _UNITS_NS[unit] // int(10 ** len(fraction))
        rest = rest[part.end() :]
        if not rest and total_ns < 2**63:
            return sign * total_ns
    raise ValueError(f"time: invalid duration {quoted}")


def duration(ns: int) -> str:
    """Write nanoseconds as Go's ``time.Duration`` writes itself: ``17.25ms``, ``-1m0.5s``, ``0s``."""
    if ns == 0:
        return "0s"
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if ns < size * 1_000:
            return f"{sign}{_fraction(ns, size)}{unit}"
    minutes, rest = divmod(ns, 60 * 10**9)
    hours, minutes_left = divmod(minutes, 60)
    return sign + (f"{hours}h" if hours else "") + (f"{minutes_left}m" if minutes else "") + _fraction(rest, 10**9) + "s"


def utc_time(ns: int) -> str:
    """Write nanoseconds since the epoch as Go's ``time.Time`` writes itself: ``2026-09-21 14:13:20.065 +0000 UTC``."""
    seconds, rest = divmod(ns, 10**9)
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}{_fraction(rest, 10**9)[1:]} +0000 UTC"


def _fraction(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def parse_bool(text: str) -> bool:
    """Read a boolean (https://pkg.go.dev/strconv#ParseBool).

    Raises:
        ValueError: it is none; the text is Go's.
    """
    if text in {"1", "t", "T", "TRUE", "true", "True"}:
        return True
    if text in {"0", "f", "F", "FALSE", "false", "False"}:
        return False
    raise ValueError(f"strconv.ParseBool: parsing {json.dumps(text, ensure_ascii=False)}: invalid syntax")


def parse_int(text: str, bits: int = 64, function: str = "ParseInt") -> int:
    """Read a decimal integer (https://pkg.go.dev/strconv#ParseInt).

    Args:
        text: the digits.
        bits: size of the integer.
        function: which of Go's functions would complain.

    Raises:
        ValueError: it is none, or needs more bits; the text is Go's.
    """
    quoted = json.dumps(text, ensure_ascii=False)
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f"strconv.{function}: parsing {quoted}: invalid syntax")
    # The length comes first: reading thousands of digits is refused by Python itself.
    if len(text) > 32 or not -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1):
        raise ValueError(f"strconv.{function}: parsing {quoted}: value out of range")
    return int(text)


def number(value: float) -> str:
    """Write a float as Go's ``encoding/json`` does: ``3`` for 3.0, ``0.00001``, ``1e-7``, ``1e+21``."""
    if value.is_integer() and abs(value) < 1e21:
        return "-0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    if -7 < int(exponent) < 21:
        return f"{value:.{max(len(mantissa.replace('.', '').lstrip('-')) - 1 - int(exponent), 0)}f}"
    return f"{mantissa}e{int(exponent):+d}"


def json_text(value: Any) -> str:
    """Write a value as Go's ``encoding/json`` does: no spaces, sorted keys, ``<>&`` escaped, bytes in base64.

    Raises:
        ValueError: it holds a number that JSON does not know (NaN, an infinity).
    """
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(key)}:{json_text(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"json: unsupported value: {value}")
        return number(value)
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    return json.dumps(value, ensure_ascii=False).translate(_HTML_SAFE)
