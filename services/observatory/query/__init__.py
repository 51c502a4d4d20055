"""What all query APIs share."""

import re
from typing import Any

import msgspec
from flask import Response, request

from vshop.kit import times
from vshop.kit.http.problems import Problem

_encoder = msgspec.json.Encoder()


def json_response(content: Any, status: int = 200) -> Response:
    """Build a JSON response; ``prettyPrint=true`` indents it."""
    body = _encoder.encode(content)
    if request.args.get("prettyPrint", "") not in {"", "false"}:
        body = msgspec.json.format(body, indent=4)
    return Response(body, status, mimetype="application/json")


def parse_trace_id(text: str) -> bytes:
    """Parse a trace id, padded with zeros in front, as in Jaeger."""
    if not re.fullmatch(r"[0-9a-fA-F]{1,32}", text):
        raise ValueError(f"{text!r} does not have 1 to 32 hexadecimal digits")
    return bytes.fromhex(text.rjust(32, "0"))


def parse_integer(text: str, bits: int = 64) -> int:
    """Parse a signed decimal integer, or raise ValueError."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f"{text!r} is not an integer")
    # Check the length first: Python refuses to parse thousands of digits.
    if len(text) > 32 or not -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1):
        raise ValueError(f"{text!r} does not fit into {bits} bits")
    return int(text)


def time_param(name: str) -> int | None:
    """Read a time in nanoseconds since the epoch; None if it is missing."""
    text = request.args.get(name, "")
    try:
        return times.parse_time(text) if text else None
    except ValueError as error:
        raise bad_param(name, error) from error


def bad_param(name: str, reason: object) -> Problem:
    """Build the 400 for a parameter."""
    return Problem(400, f"Parameter {name} is invalid: {reason}.", field=name)
