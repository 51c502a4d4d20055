"""Parses the parameters of Jaeger's query API.

https://github.com/jaegertracing/jaeger/blob/v2.13.0/cmd/query/app/query_parser.go
"""

import base64
import contextlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec
from werkzeug.datastructures import MultiDict

from observatory.jaeger.search import Query
from observatory.query import parse_integer, parse_trace_id
from vshop.kit import times

Params = MultiDict[str, str]

DEFAULT_LIMIT = 100
_DEFAULT_LOOKBACK_NS = 48 * 3600 * 10**9
_T = TypeVar("_T")

# µs is written with the micro sign or the Greek letter.
_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION_PART = re.compile(r"([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([^0-9.]*)")


class BadQueryError(ValueError):
    """An invalid parameter, answered with 400."""


def trace_id(text: str) -> bytes:
    """Parse the trace id of a path."""
    try:
        return parse_trace_id(text)
    except ValueError as error:
        raise BadQueryError(str(error)) from error


def trace_id_v3(text: str) -> bytes:
    """Parse version 3's trace id, which may also be base64, as protobuf's JSON writes it."""
    with contextlib.suppress(BadQueryError):
        return trace_id(text)
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if set(text) & {"-", "_"} else None, validate=True)
    except ValueError as error:
        raise BadQueryError(f"{text!r} is neither hexadecimal nor base64") from error
    if len(found) not in {8, 16}:
        raise BadQueryError(f"{text!r} has not 8 or 16 bytes")
    return found.rjust(16, b"\0")


def trace_params_v3(params: Params) -> bool:
    """Check the parameters of ``/api/v3/traces/{id}``; return whether the trace is wanted raw. Times are hints to a storage."""
    given = v3(params, _TRACE_V3)
    for name in ("startTime", "endTime"):
        _parse(given, name, times.parse_rfc3339, 0)
    return flag(given, "rawTraces")


def trace_ids(params: Params) -> list[bytes]:
    """Parse every ``traceID``."""
    return [trace_id(text) for text in params.getlist("traceID")]


def search(params: Params) -> Query:
    """Parse a search of ``/api/traces``."""
    start_ns, end_ns = _window_ns(params)
    query = Query(
        service=params.get("service", ""),
        operation=params.get("operation", ""),
        tags=_tags(params),
        start_min_ns=start_ns,
        start_max_ns=end_ns,
        duration_min_ns=_parse(params, "minDuration", parse_duration, 0),
        duration_max_ns=_parse(params, "maxDuration", parse_duration, 0),
        limit=_parse(params, "limit", _limit, DEFAULT_LIMIT),
    )
    if query.duration_min_ns and query.duration_max_ns and query.duration_max_ns < query.duration_min_ns:
        raise BadQueryError("maxDuration is less than minDuration")
    return query


_SEARCH_V3 = {
    "query.serviceName": ("query.service_name",),
    "query.operationName": ("query.operation_name",),
    "query.startTimeMin": ("query.start_time_min",),
    "query.startTimeMax": ("query.start_time_max",),
    "query.durationMin": ("query.duration_min",),
    "query.durationMax": ("query.duration_max",),
    "query.searchDepth": ("query.search_depth", "query.num_traces"),
    "query.rawTraces": ("query.raw_traces",),
    "query.attributes": (),
}
_TRACE_V3 = {"startTime": ("start_time",), "endTime": ("end_time",), "rawTraces": ("raw_traces",)}
OPERATIONS_V3 = {"service": (), "spanKind": ("span_kind",)}


_V1 = {
    "traces": {
        *("service", "operation", "tag", "tags", "start", "end", "lookback", "minDuration", "maxDuration", "limit"),
        *("traceID", "raw"),
    },
    "trace": {"raw", "start", "end"},
    "operations": {"service", "spanKind"},
    "dependencies": {"endTs", "lookback", "service"},
    "services": set[str](),
}
_PAGE_PARAMS = frozenset({"span", "view", "sortBy", "cohort", "embed"})
"""Jaeger's page adds its own address's parameters to its searches, and those that begin with ``ui``."""


def check_v1(params: Params, endpoint: str) -> None:
    """Raise BadQueryError for a parameter of version 1 that is unknown here."""
    for name in params:
        if name not in _V1[endpoint] | _PAGE_PARAMS and name != "prettyPrint" and not name.startswith("ui"):
            raise BadQueryError(f"Parameter {name} is not supported. Known parameters: {', '.join(sorted(_V1[endpoint]))}")


def v3(params: Params, known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the parameters by their newest spelling, or raise BadQueryError for an unknown one."""
    spellings = {name: newest for newest, older in known.items() for name in (newest, *older)}
    for name in params:
        if name not in spellings and name != "prettyPrint":
            raise BadQueryError(f"Parameter {name} is not supported. Known parameters: {', '.join(known)}")
    found: dict[str, str] = {}
    for name, newest in spellings.items():
        if params.get(name):
            found.setdefault(newest, params[name])
    return found


def search_v3(params: Params) -> tuple[Query, bool]:
    """Parse a search of version 3; return also whether traces are wanted raw."""
    given = v3(params, _SEARCH_V3)
    if "query.startTimeMin" not in given or "query.startTimeMax" not in given:
        raise BadQueryError("query.startTimeMin and query.startTimeMax are required")
    query = Query(
        service=given.get("query.serviceName", ""),
        operation=given.get("query.operationName", ""),
        tags=_parse(given, "query.attributes", _string_map, {}),
        start_min_ns=_parse(given, "query.startTimeMin", times.parse_rfc3339, 0),
        start_max_ns=_parse(given, "query.startTimeMax", times.parse_rfc3339, 0),
        duration_min_ns=_parse(given, "query.durationMin", parse_duration, 0),
        duration_max_ns=_parse(given, "query.durationMax", parse_duration, 0),
        limit=_parse(given, "query.searchDepth", _limit, DEFAULT_LIMIT),
    )
    if query.start_min_ns >= query.start_max_ns:
        raise BadQueryError("query.startTimeMin must be before query.startTimeMax")
    return query, flag(given, "query.rawTraces")


def _string_map(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str] | None) or {}
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"it is not a JSON object of strings: {error}") from error


def dependencies_window_ns(params: Params) -> tuple[int, int]:
    """Return start and end of ``endTs`` and ``lookback``, in nanoseconds since the epoch."""
    end_ns = _parse(params, "endTs", lambda text: parse_integer(text) * 10**6, time.time_ns())
    return end_ns - _parse(params, "lookback", lambda text: parse_integer(text) * 10**6, 24 * 3600 * 10**9), end_ns


def flag(params: Mapping[str, str], name: str) -> bool:
    """Parse a boolean, false if missing."""
    return _parse(params, name, _boolean, default=False)


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


def _boolean(text: str) -> bool:
    if text.lower() in {"1", "t", "true"}:
        return True
    if text.lower() in {"0", "f", "false"}:
        return False
    raise ValueError(f"{text!r} is not true or false")


def _limit(text: str) -> int:
    limit = parse_integer(text, bits=32)
    if limit <= 0:
        raise ValueError(f"{limit} is not greater than 0")
    return limit


def _window_ns(params: Params) -> tuple[int, int]:
    now_ns = time.time_ns()
    end_ns = _parse(params, "end", lambda text: parse_integer(text) * 1_000, now_ns)
    lookback_ns = _DEFAULT_LOOKBACK_NS
    # Jaeger's page sends lookback, which may be "custom", beside start and end.
    with contextlib.suppress(ValueError):
        days = re.fullmatch(r"(\d{1,5})d", params.get("lookback", ""))
        lookback_ns = int(days[1]) * 24 * 3600 * 10**9 if days else parse_duration(params.get("lookback", ""))
    return _parse(params, "start", lambda text: parse_integer(text) * 1_000, now_ns - lookback_ns), end_ns


def _tags(params: Params) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in params.getlist("tag"):
        key, colon, value = text.partition(":")
        if not colon:
            raise BadQueryError(f"Parameter tag is invalid: {text!r} is not key:value")
        found[key] = value
    for text in params.getlist("tags"):
        try:
            found |= msgspec.json.decode(text, type=dict[str, str] | None) or {}
        except (msgspec.DecodeError, UnicodeError) as error:
            raise BadQueryError(f"Parameter tags is not a JSON object of strings: {error}") from error
    return found


def _parse(params: Mapping[str, str], name: str, parse: Callable[[str], _T], default: _T) -> _T:
    text = params.get(name, "")
    try:
        return parse(text) if text else default
    except ValueError as error:
        raise BadQueryError(f"Parameter {name} is invalid: {error}") from error
