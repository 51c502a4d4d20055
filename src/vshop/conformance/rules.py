"""The rules and the known deviations, as they stand in their files."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

Need = Literal["required", "error", "success", "optional"]
Kind = Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]


class Attribute(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What is said of one attribute.

    Attributes:
        need: ``required``; ``error``: when the span is an error; ``success``: when it is none; ``optional``.
        type: of its value.
        one_of: the values there are.
        matches: a regular expression that a text matches.
    """

    need: Need
    type: Literal["string", "int", "double", "boolean", "string[]"]
    one_of: list[Any] = []
    matches: str = ""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a group applies to: items that have all of this."""

    kind: Kind | None = None
    has: str | None = None
    name: str | None = None


class Group(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """One group of rules of the conventions, as for the spans of an HTTP server; ``link`` leads to it."""

    id: str
    link: str
    when: When = When()
    name: str = ""
    error_from: int | None = None
    instrument: str = ""
    unit: str = ""
    attributes: dict[str, Attribute]


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All groups, by what they speak of; ``schema`` is the version of the conventions."""

    schema: str
    spans: list[Group]
    events: list[Group]
    logs: list[Group]
    resources: list[Group]
    metrics: list[Group]


class Deviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something known: who does it, and why it stays so."""

    rule: str
    group: str
    attributes: list[str] = []
    by: str
    reason: str
    link: str


@cache
def load_rules() -> Rules:
    """Read the rules."""
    return msgspec.convert(_yaml("rules.yaml"), Rules)


@cache
def load_deviations() -> list[Deviation]:
    """Read the known deviations."""
    return msgspec.convert(_yaml("deviations.yaml"), list[Deviation])


def _yaml(name: str) -> Any:
    import yaml  # noqa: PLC0415 - whoever only names the types needs none of it

    return yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))
