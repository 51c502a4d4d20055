"""Parses the query."""

from typing import Any

from flask import request

from vshop.kit.http.problems import Problem


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
