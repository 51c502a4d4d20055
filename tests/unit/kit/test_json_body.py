import msgspec
import pytest

from vshop.kit.http import json_body

DEEP = 200_000  # levels: beyond the limit of every Python
MALFORMED = [b"", b"{", b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP, b'{"a": "\xff"}', b'{"\xff": 1}', b'{"a": "\\ud800"}', b"\0"]


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_json_raises_a_decode_error(text):
    for kind in (object, dict[str, object]):
        with pytest.raises(msgspec.DecodeError):
            json_body.decode(text, kind)


def test_blank_means_json_whitespace_only():
    assert [json_body.is_blank(text) for text in (b"", b" \t\r\n", b"\v", b" \x0c", b"0")] == [True, True, False, False, False]


def test_a_value_of_another_type_raises_a_validation_error():
    assert json_body.decode(b'{"a": 1}', dict[str, int]) == {"a": 1}
    with pytest.raises(msgspec.ValidationError):
        json_body.decode(b'{"a": "x"}', dict[str, int])
