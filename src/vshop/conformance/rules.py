"""Loads rules, known deviations, and the names of all attributes."""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import msgspec

_PACKAGE = "opentelemetry.semconv"
_OWN = "shop."  # described in docs/contract.md

Need = Literal["required", "error", "success", "optional"]
Kind = Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]


class Attribute(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """``need``: ``required``, ``error`` (in error spans), ``success`` (in others) or ``optional``."""

    need: Need
    type: Literal["string", "int", "double", "boolean", "string[]"]
    one_of: list[Any] = []
    matches: str = ""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All given fields must match."""

    kind: Kind | None = None
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
    return msgspec.convert(_yaml("rules.yaml"), Rules)


@cache
def load_deviations() -> list[Deviation]:
    """Load the known deviations."""
    return msgspec.convert(_yaml("deviations.yaml"), list[Deviation])


def _yaml(name: str) -> Any:
    import yaml  # noqa: PLC0415 - slow to import, and needed only to load files

    return yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))


@cache
def _attribute_names() -> dict[str, str | None]:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{_PACKAGE} is not installed: pip install opentelemetry-semantic-conventions.")
    found: dict[str, str | None] = {}
    for file in sorted(Path(spec.origin).parent.glob("**/attributes/*_attributes.py")):
        found |= _read(file)
    return found


def _read(file: Path) -> dict[str, str | None]:
    # The deprecation is in the docstring after each name, which is not available at run time.
    body = ast.parse(file.read_text(encoding="utf-8")).body
    found: dict[str, str | None] = {}
    for node, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            said = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
            text = str(said).strip()
            found[node.value.value] = text.partition("\n")[0] if text.startswith("Deprecated:") else None
    return found


def is_known(name: str) -> bool:
    """Return whether the conventions or the shop define an attribute."""
    return name.startswith(_OWN) or name in _attribute_names()


def deprecated(name: str) -> str | None:
    """Return why an attribute is deprecated, or None."""
    return _attribute_names().get(name)
