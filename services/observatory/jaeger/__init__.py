"""Jaeger's query API, versions 1 and 3, and outlines of traces. Here: what both versions share.

https://github.com/jaegertracing/jaeger/blob/v2.13.0/cmd/query/app/query_parser.go
"""

import ipaddress
import math
import re
from collections.abc import Iterable, Mapping

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from observatory.query import param, parse_integer

DEFAULT_LIMIT = 100
LIBRARY_KEYS = frozenset(
    {"telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version", "telemetry.distro.name", "telemetry.distro.version"}
)
"""They describe the process, even on a span."""
_IP_KEYS = frozenset({"ip", "peer.ipv4"})

# µs is written with the micro sign or the Greek letter.
_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION_PART = re.compile(r"([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([^0-9.]*)")


def parse_duration(text: str) -> int:
    """Parse ``1.2ms`` or ``1h30m`` into nanoseconds (https://pkg.go.dev/time#ParseDuration)."""
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0
    total_ns = 0
    while (part := _DURATION_PART.match(rest)) and part[2] in _UNITS_NS:
        whole, _, fraction = part[1].partition(".")
        unit_ns = _UNITS_NS[part[2]]
        total_ns += int(whole or 0) * unit_ns + int(fraction or 0) * unit_ns // int(10 ** len(fraction))
        rest = rest[part.end() :]
        if not rest and total_ns < 2**63:
            return sign * total_ns
    raise ValueError(f"{text!r} is not a duration such as 1.2ms or 1h30m")


def parse_limit(text: str) -> int:
    """Parse how many traces a search may find."""
    limit = parse_integer(text, bits=32)
    if limit <= 0:
        raise ValueError(f"{limit} is not greater than 0")
    return limit


def parse_strings(text: str) -> dict[str, str]:
    """Parse a JSON object of strings."""
    try:
        return msgspec.json.decode(text, type=dict[str, str] | None) or {}
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"it is not a JSON object of strings: {error}") from error


def flag(params: Mapping[str, str], name: str) -> bool:
    """Parse a boolean, false if missing."""
    return param(params, name, _boolean, default=False)


def _boolean(text: str) -> bool:
    if text.lower() in {"1", "t", "true"}:
        return True
    if text.lower() in {"0", "f", "false"}:
        return False
    raise ValueError(f"{text!r} is not true or false")


def make_ips_readable(attributes: Iterable[KeyValue]) -> None:
    """Convert each IPv4 address that was sent as a number to dotted text."""
    for item in attributes:
        kind = item.value.WhichOneof("value")
        if item.key in _IP_KEYS and kind in {"int_value", "double_value"}:
            number = getattr(item.value, kind)
            if math.isfinite(number):
                item.value.string_value = str(ipaddress.IPv4Address(int(number) % 2**32))
