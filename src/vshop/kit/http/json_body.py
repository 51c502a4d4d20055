"""Decodes JSON from outside. Every malformed text raises the same kind of error."""

from typing import Any, TypeVar

import msgspec

_Kind = TypeVar("_Kind")


def decode(text: bytes, kind: type[_Kind] | Any = Any) -> _Kind | Any:
    """Decode JSON to a type, as ``msgspec.json.decode`` does.

    Raises:
        msgspec.ValidationError: the value is not of this type.
        msgspec.DecodeError: the text is not JSON, not UTF-8, or nested too deeply.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"JSON is malformed: {error}") from error


def is_blank(text: bytes) -> bool:
    """Return whether the text is empty or only JSON whitespace (https://www.rfc-editor.org/rfc/rfc8259#section-2)."""
    return not text.strip(b" \t\r\n")
