"""Decodes JSON from outside, and explains what is wrong with it."""

import re
from typing import Any, TypeVar

import msgspec

_Kind = TypeVar("_Kind")

_TYPES = {
    "int": "a whole number",
    "float": "a decimal number",
    "str": "a text",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
_LIMITS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}


def decode(text: bytes, kind: type[_Kind] | Any = Any) -> _Kind | Any:
    """Decode JSON to a type. Raises only msgspec's ValidationError, or DecodeError also for nesting and bad UTF-8."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"JSON is malformed: {error}") from error


def explain(error: msgspec.DecodeError) -> tuple[str, str | None]:
    """Return a sentence without a full stop for a message of msgspec, and the path of the field, as in ``items[2].price``.

    The sentence is ``quantity must be a whole number of at least 1`` for ``Expected `int` >= 1 - at `$.quantity```.
    """
    message, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`").removeprefix(".")
    if named := re.search(r"(missing required|unknown) field `(.*)`", message):
        path = ".".join(filter(None, (path, named[2])))
        return f"{path} is missing" if named[1].startswith("missing") else f"{path} is not a known field", path
    if not (expected := re.fullmatch(r"Expected `([^`]*)`(?:, got `([^`]*)`)?(.*)", message)):
        return (f"{path}: {message}" if path else message), path or None
    wanted, given, limit = expected.groups()
    for sign, words in _LIMITS.items():
        limit = limit.replace(f" {sign} ", f" {words} ")
    sentence = f"{path or 'the body'} must be {_words(wanted)}{limit.replace(' of length of', ' whose length is')}"
    return sentence + (f", not {_words(given)}" if given else ""), path or None


def _words(types: str) -> str:
    return " or ".join(_TYPES.get(one, one) for one in types.split(" | "))


def is_blank(text: bytes) -> bool:
    """Return whether the text has only JSON whitespace (https://www.rfc-editor.org/rfc/rfc8259#section-2)."""
    return not text.strip(b" \t\r\n")
