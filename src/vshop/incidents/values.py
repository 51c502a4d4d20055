"""How a file says what a value should be: the value itself, or a test in place of it."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Number = int | float


class Test(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A test in place of a value; all that it names must hold."""

    __test__ = False  # for pytest: this is no test case

    matches: Annotated[str, Meta(description="A regular expression (Python's) that is found somewhere in the text.")] | None = None
    at_least: Annotated[Number, Meta(description="The least number.")] | None = None
    at_most: Annotated[Number, Meta(description="The greatest number.")] | None = None
    one_of: Annotated[list[Any], Meta(min_length=1, description="One of these values.")] | None = None
    present: Annotated[bool, Meta(description="Whether there is any value at all.")] | None = None

    def __post_init__(self) -> None:
        """Refuse a test that tests nothing, and an expression that is none."""
        if all(getattr(self, name) is None for name in self.__struct_fields__):
            raise ValueError("a test needs one of matches, atLeast, atMost, oneOf, present")
        if self.matches is not None:
            try:
                re.compile(self.matches)
            except re.error as error:
                raise ValueError(f"matches: {self.matches!r} is no regular expression: {error}") from error

    def __str__(self) -> str:
        """Say it in words, for a person."""
        words = {"matches": "matches", "at_least": "at least", "at_most": "at most", "one_of": "one of"}
        said = [f"{word} {value!r}" for name, word in words.items() if (value := getattr(self, name)) is not None]
        if self.present is not None:
            said.append("present" if self.present else "absent")
        return " and ".join(said)


Value = str | int | float | bool | list[Any] | Annotated[Test, Meta(extra_json_schema={"minProperties": 1})]
"""A plain value that must be equal, or a test."""

Count = Annotated[int, Meta(ge=0)] | Annotated[Test, Meta(extra_json_schema={"minProperties": 1})]
"""How many: a number, or a test such as ``{atLeast: 2}``."""
