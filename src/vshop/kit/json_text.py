"""Reads JSON that somebody else wrote; whatever is wrong with it ends in one kind of error."""

from typing import Any, TypeVar

import msgspec

_Kind = TypeVar("_Kind")


def decode(text: bytes, kind: type[_Kind] | Any = Any) -> _Kind | Any:
    """Decode JSON, as ``msgspec.json.decode`` does.

    Args:
        text: what came.
        kind: what it must be.

    Raises:
        msgspec.DecodeError: it is no JSON, nested too deeply, no UTF-8, or (as ``msgspec.ValidationError``) not of that kind.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(f"JSON is malformed: {error}") from error


def is_blank(text: bytes) -> bool:
    """Tell whether there is nothing but what JSON takes for white space (https://www.rfc-editor.org/rfc/rfc8259#section-2)."""
    return not text.strip(b" \t\r\n")
