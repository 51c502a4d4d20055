"""Whatever is wrong with JSON ends in one kind of error."""

import msgspec
import pytest

from vshop.kit import json_text

DEEP = 200_000  # levels: beyond the limit of every Python
MALFORMED = [b"", b"{", b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP, b'{"a": "\xff"}', b'{"\xff": 1}', b'{"a": "\\ud800"}', b"\0"]


@pytest.mark.parametrize("text", MALFORMED)
def test_what_cannot_be_read_is_a_decode_error(text):
    """Deep nesting and bytes that are no UTF-8 included, with and without a kind."""
    for kind in (object, dict[str, object]):
        with pytest.raises(msgspec.DecodeError):
            json_text.decode(text, kind)


def test_white_space_is_jsons():
    """Python knows more of it."""
    assert [json_text.is_blank(text) for text in (b"", b" \t\r\n", b"\v", b" \x0c", b"0")] == [True, True, False, False, False]


def test_what_can_be_read_is_checked_against_the_kind():
    """As msgspec does it."""
    assert json_text.decode(b'{"a": 1}', dict[str, int]) == {"a": 1}
    with pytest.raises(msgspec.ValidationError):
        json_text.decode(b'{"a": "x"}', dict[str, int])
