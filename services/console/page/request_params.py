"""Parses body and query."""

from typing import Any, TypeVar

import msgspec
from flask import request

from vshop.kit.http import json_body
from vshop.kit.http.problems import Problem

_Kind = TypeVar("_Kind")


def body(kind: type[_Kind]) -> _Kind:
    """Read the JSON body as a struct. Raises Problem 415 or 400."""
    if not request.is_json:
        raise Problem(415, "The body must be JSON.", headers={"Accept": "application/json"})
    try:
        return json_body.decode(request.get_data(), kind)
    except msgspec.DecodeError as error:
        sentence, field = json_body.explain(error)
        raise Problem(400, f"The request is not valid: {sentence}.", field=field) from error


def number(name: str, default: int, low: int, high: int) -> int:
    """Read an integer, clamped. Raises Problem 400."""
    text = request.args.get(name, "")
    if not text:
        return default
    try:
        return max(low, min(high, int(text)))
    except ValueError as error:
        raise Problem(400, f"{name} ({text[:40]}) must be a whole number.", field=name) from error


def given(*names: str) -> dict[str, Any]:
    """Return the non-empty parameters."""
    return {name: request.args[name] for name in names if request.args.get(name)}


def ids() -> list[str]:
    """Return the ids of the parameter ``ids``."""
    return [one for one in request.args.get("ids", "").split(",") if one]
