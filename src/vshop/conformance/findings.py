"""Holds one item against one group of rules."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vshop.conformance import registry
from vshop.conformance.rules import Attribute, Group

_TYPES = {"string": str, "int": int, "double": float, "boolean": bool, "string[]": list}


class Fault(NamedTuple):
    """One thing that is not as the conventions say: which rule, of which attribute, and what was seen."""

    rule: str
    attribute: str
    seen: str


def of_attributes(group: Group, told: Mapping[str, Any], *, error: bool) -> Iterator[Fault]:
    """Yield what is wrong with the attributes that a group speaks of.

    Args:
        group: the rules.
        told: the item's attributes.
        error: whether the item is an error.
    """
    for name, rule in group.attributes.items():
        if name in told:
            yield from _value(name, rule, told[name])
        elif rule.need in {"required", "error" if error else "success"}:
            yield Fault("missing", name, "is missing" + (" on an error" if rule.need == "error" else ""))


def of_names(told: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield attributes that no convention knows, and those that are deprecated."""
    for name in told:
        reason = registry.deprecated(name)
        if reason is not None:
            yield Fault("deprecated", name, reason)
        elif not registry.known(name):
            yield Fault("unknown", name, "is in no convention, nor in the shop's own namespace")


def of_status(group: Group, status: str, told: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with a span's status: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status."""
    if status == "OK":
        yield Fault("status", "", "is OK, which instrumentations leave to the application")
    code = told.get("http.response.status_code")
    if group.error_from is None or not isinstance(code, int):
        return
    if code >= group.error_from and status != "ERROR":
        yield Fault("status", "", f"is {status} with {code}")
    if code < group.error_from and status == "ERROR" and "error.type" not in told:
        yield Fault("status", "", f"is ERROR with {code}, and no error.type")


def of_name(group: Group, name: str) -> Iterator[Fault]:
    """Yield what is wrong with a span's name."""
    if group.name and not re.fullmatch(group.name, name):
        yield Fault("name", "", f"{name!r} does not match {group.name}")


def _value(name: str, rule: Attribute, value: Any) -> Iterator[Fault]:
    wanted = _TYPES[rule.type]
    right = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
    if not right or (rule.type == "string[]" and not all(isinstance(one, str) for one in value)):
        yield Fault("type", name, f"is {type(value).__name__}, not {rule.type}")
    elif rule.one_of and value not in rule.one_of:
        yield Fault("value", name, f"{value!r} is none of {rule.one_of}")
    elif rule.matches and not re.search(rule.matches, str(value)):
        yield Fault("value", name, f"{str(value)[:100]!r} does not match {rule.matches}")
