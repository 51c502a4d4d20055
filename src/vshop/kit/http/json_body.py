"""Decodes JSON from outside."""

from typing import Any, TypeVar

import msgspec

_Kind = TypeVar("_Kind")


def decode(text: bytes, kind: type[_Kind] | Any = Any) -> _Kind | Any:
    """Decode JSON to a type. Raises only msgspec's ValidationError, or DecodeError also for nesting and bad UTF-8."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"JSON is malformed: {error}") from error


def is_blank(text: bytes) -> bool:
    """Return whether the text has only JSON whitespace (https://www.rfc-editor.org/rfc/rfc8259#section-2)."""
    return not text.strip(b" \t\r\n")
