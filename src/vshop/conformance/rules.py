"""Loads rules, known deviations, and the names of all attributes."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from opentelemetry import semconv

from vshop.incidents.loader import read_yaml

_OWN = "shop."  # described in docs/contract.md


class Attribute(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """``need``: ``required``, ``error`` (in error spans), ``success`` (in others) or ``optional``."""

    need: Literal["required", "error", "success", "optional"]
    type: Literal["string", "int", "double", "boolean", "string[]"]
    one_of: list[Any] = []
    matches: str = ""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All given fields must match."""

    kind: Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"] | None = None
    has: str | None = None
    name: str | None = None


class Group(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """One convention, such as HTTP server spans; ``link`` is its URL."""

    id: str
    link: str
    when: When = When()
    name: str = ""
    error_from: int | None = None
    instrument: str = ""
    unit: str = ""
    attributes: dict[str, Attribute]


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Groups by kind of item; ``schema`` is the conventions' version."""

    schema: str
    spans: list[Group]
    events: list[Group]
    logs: list[Group]
    resources: list[Group]
    metrics: list[Group]


class Deviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """With the library that causes it, and why it stays."""

    rule: str
    group: str
    attributes: list[str] = []
    by: str
    reason: str
    link: str


@cache
def load_rules() -> Rules:
    """Load the rules."""
    return msgspec.convert(read_yaml(Path(__file__).with_name("rules.yaml")), Rules)


@cache
def load_deviations() -> list[Deviation]:
    """Load the known deviations."""
    return msgspec.convert(read_yaml(Path(__file__).with_name("deviations.yaml")), list[Deviation])


@cache
def _attribute_names() -> dict[str, str | None]:
    files = sorted(Path(semconv.__file__).parent.glob("**/attributes/*_attributes.py"))
    return {name: reason for file in files for name, reason in _read(file)}


def _read(file: Path) -> Iterator[tuple[str, str | None]]:
    # The deprecation is in the docstring after each name, which is not available at run time.
    body = ast.parse(file.read_text(encoding="utf-8")).body
    for node, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            said = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
            text = str(said).strip()
            yield node.value.value, text.partition("\n")[0] if text.startswith("Deprecated:") else None


def is_known(name: str) -> bool:
    """Return whether the conventions or the shop define an attribute."""
    return name.startswith(_OWN) or name in _attribute_names()


def deprecated(name: str) -> str | None:
    """Return why an attribute is deprecated, or None."""
    return _attribute_names().get(name)
