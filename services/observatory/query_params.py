"""Reads the parameters of Jaeger's query API, with Jaeger's words for what is wrong with them.

The grammar: https://github.com/jaegertracing/jaeger/blob/v2.13.0/cmd/query/app/query_parser.go
"""

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from werkzeug.datastructures import MultiDict

from observatory import go_format, moments
from observatory.search import Query

Params = MultiDict[str, str]

_LOOKBACK_NS = 48 * 3600 * 10**9
_T = TypeVar("_T")


class BadQueryError(ValueError):
    """A parameter that cannot be used; the text says which."""


def trace_id(text: str) -> bytes:
    """Read a trace id of up to 32 hex digits; short ones are padded with zeros in front.

    Raises:
        BadQueryError: it is none.
    """
    if len(text) > 32:
        raise BadQueryError(f"TraceID cannot be longer than 32 hex characters: {text}")
    if not re.fullmatch(r"[0-9a-fA-F]+", text):
        # Go reads an id as two numbers and names the half that is wrong.
        halves = (text[:-16], text[-16:]) if len(text) > 16 else (text,)
        wrong = next((half for half in halves if not re.fullmatch(r"[0-9a-fA-F]+", half)), text)
        raise BadQueryError(f'strconv.ParseUint: parsing "{wrong}": invalid syntax')
    return bytes.fromhex(text.rjust(32, "0"))


def trace_ids(params: Params) -> list[bytes]:
    """Read every ``traceID``."""
    try:
        return [trace_id(text) for text in params.getlist("traceID")]
    except BadQueryError as error:
        raise BadQueryError(f"cannot parse traceID param: {error}") from error


def search(params: Params) -> Query:
    """Read a search of ``/api/traces``: service, operation, tag, tags, start and end (µs), lookback, durations, limit.

    Raises:
        BadQueryError: a parameter cannot be used.
    """
    start_ns, end_ns = _window_ns(params)
    limit = _limit(params.get("limit", ""))
    query = Query(
        service=params.get("service", ""),
        operation=params.get("operation", ""),
        tags=_tags(params),
        start_min_ns=start_ns,
        start_max_ns=end_ns,
        duration_min_ns=_read(params, "minDuration", go_format.parse_duration, 0),
        duration_max_ns=_read(params, "maxDuration", go_format.parse_duration, 0),
        limit=limit,
    )
    if query.duration_min_ns and query.duration_max_ns and query.duration_max_ns < query.duration_min_ns:
        raise BadQueryError("'maxDuration' should be greater than 'minDuration'")
    return query


def search_v3(params: Params) -> Query:
    """Read a search of ``/api/v3/traces``: ``query.service_name``, ``query.start_time_min`` (RFC 3339) and so on.

    Raises:
        BadQueryError: a parameter is missing or cannot be used.
    """
    if not params.get("query.start_time_min") or not params.get("query.start_time_max"):
        raise BadQueryError("query.start_time_min and query.start_time_max are required")
    return Query(
        service=params.get("query.service_name", ""),
        operation=params.get("query.operation_name", ""),
        start_min_ns=_read_v3(params, "query.start_time_min", moments.rfc3339_ns, 0),
        start_max_ns=_read_v3(params, "query.start_time_max", moments.rfc3339_ns, 0),
        duration_min_ns=_read_v3(params, "query.duration_min", go_format.parse_duration, 0),
        duration_max_ns=_read_v3(params, "query.duration_max", go_format.parse_duration, 0),
        limit=_read_v3(params, "query.num_traces", lambda text: _limit(text, "Atoi"), 100),
    )


def dependencies_window_ns(params: Params) -> tuple[int, int]:
    """Read ``endTs`` and ``lookback``, both in milliseconds; returns begin and end in nanoseconds since the epoch."""
    end_ns = _read(params, "endTs", lambda text: go_format.parse_int(text) * 10**6, time.time_ns())
    return end_ns - _read(params, "lookback", lambda text: go_format.parse_int(text) * 10**6, 24 * 3600 * 10**9), end_ns


def flag(params: Mapping[str, str], name: str) -> bool:
    """Read a boolean; false where it is missing."""
    return _read(params, name, go_format.parse_bool, default=False)


def flag_v3(params: Mapping[str, str], name: str) -> bool:
    """Read a boolean of the v3 API; false where it is missing."""
    return _read_v3(params, name, go_format.parse_bool, default=False)


def _window_ns(params: Params) -> tuple[int, int]:
    now_ns = time.time_ns()
    end_ns = _read(params, "end", lambda text: go_format.parse_int(text) * 1_000, now_ns)
    lookback_ns = _LOOKBACK_NS
    # Jaeger's page sends lookback beside start and end, also as "custom"; alone it means what it says.
    with contextlib.suppress(ValueError):
        days = re.fullmatch(r"(\d{1,5})d", params.get("lookback", ""))
        lookback_ns = int(days[1]) * 24 * 3600 * 10**9 if days else go_format.parse_duration(params.get("lookback", ""))
    return _read(params, "start", lambda text: go_format.parse_int(text) * 1_000, now_ns - lookback_ns), end_ns


def _limit(text: str, function: str = "ParseInt") -> int:
    try:
        limit = go_format.parse_int(text, 32, function) if text else 100
    except ValueError as error:
        raise BadQueryError(str(error)) from error
    if limit <= 0:
        raise BadQueryError(f"the number of traces must be greater than 0, received: {limit}")
    return limit


def _tags(params: Params) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in params.getlist("tag"):
        key, colon, value = text.partition(":")
        if not colon:
            raise BadQueryError(f"malformed 'tag' parameter, expecting key:value, received: {text}")
        found[key] = value
    for text in params.getlist("tags"):
        try:
            found |= msgspec.json.decode(text, type=dict[str, str] | None) or {}
        except (msgspec.DecodeError, UnicodeError) as error:
            raise BadQueryError(f"malformed 'tags' parameter, cannot unmarshal JSON: {error}") from error
    return found


def _read(params: Mapping[str, str], name: str, parse: Callable[[str], _T], default: _T) -> _T:
    return _parse(params, name, parse, default, "unable to parse param '{}': {}")


def _read_v3(params: Mapping[str, str], name: str, parse: Callable[[str], _T], default: _T) -> _T:
    return _parse(params, name, parse, default, "malformed parameter {}: {}")


def _parse(params: Mapping[str, str], name: str, parse: Callable[[str], _T], default: _T, complaint: str) -> _T:
    text = params.get(name, "")
    try:
        return parse(text) if text else default
    except ValueError as error:
        raise BadQueryError(complaint.format(name, error)) from error
