"""Compares a value with the expected one."""

import json
import re
from collections.abc import Mapping
from typing import Any

from vshop.incidents.patterns import ExceptionPattern, Test, Value


def mismatch(expected: Value | None, actual: Any) -> str | None:
    """Return why a value is not as expected, or None; None as expectation accepts any."""
    if expected is None:
        return None
    if isinstance(expected, Test):
        return _mismatch_test(expected, actual)
    if actual is None:
        return f"is missing (expected {shown(expected)})"
    if isinstance(expected, list) and isinstance(actual, str):
        # Jaeger's storages on disk keep a list as its JSON text.
        expected = json.dumps(expected, separators=(",", ":"))
    same = actual == expected and isinstance(actual, bool) == isinstance(expected, bool)
    return None if same else f"{shown(actual)} ≠ {shown(expected)}"


def mismatches(expected: Mapping[str, Value | None], actual: Mapping[str, Any]) -> list[str]:
    """Return the mismatches of the expected members."""
    found = ((name, mismatch(value, actual.get(name))) for name, value in expected.items())
    return [f"{name} {reason}" for name, reason in found if reason is not None]


def exception_mismatch(expected: ExceptionPattern, kind: Any, message: Any) -> str | None:
    """Return why an exception is not the expected one, or None."""
    reason = mismatch(expected.type, kind)
    if reason is not None and isinstance(expected.type, str) and isinstance(kind, str):
        # Span events name a class with its module, log records of Python's SDK without it.
        short = min(expected.type, kind, key=len)
        if "." not in short and expected.type.rpartition(".")[2] == kind.rpartition(".")[2]:
            reason = None
    if reason is not None:
        return f"exception.type {reason}"
    reason = mismatch(expected.message, message)
    return None if reason is None else f"exception.message {reason}"


def shown(value: Any) -> str:
    """Format a value for a sentence."""
    text = str(value) if isinstance(value, str) and value and " " not in value else repr(value)
    return text if len(text) <= 160 else f"{text[:157]}…"


def _mismatch_test(expected: Test, actual: Any) -> str | None:
    if actual is None:
        return None if expected.present is False else f"is missing (expected: {expected})"
    if expected.present is False:
        return f"{shown(actual)} should not be there"
    if expected.matches is not None and not re.search(expected.matches, str(actual)):
        return f"{shown(actual)} does not match {expected.matches!r}"
    if expected.one_of is not None and actual not in expected.one_of:
        return f"{shown(actual)} is not one of {expected.one_of}"
    return _mismatch_number(expected, actual)


def _mismatch_number(expected: Test, actual: Any) -> str | None:
    if expected.at_least is None and expected.at_most is None:
        return None
    if isinstance(actual, bool) or not isinstance(actual, int | float):
        return f"{shown(actual)} is no number (expected: {expected})"
    if expected.at_least is not None and actual < expected.at_least:
        return f"{actual:g} < {expected.at_least:g}"
    if expected.at_most is not None and actual > expected.at_most:
        return f"{actual:g} > {expected.at_most:g}"
    return None
