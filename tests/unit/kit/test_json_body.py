from typing import Annotated, Literal

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


class Price(msgspec.Struct):
    cents: int


class Body(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=1, le=8)] | None = None
    name: Annotated[str, msgspec.Meta(max_length=3)] = ""
    share: Annotated[float, msgspec.Meta(gt=0)] = 1
    scope: Literal["global", "request"] = "global"
    prices: list[Price] = []


@pytest.mark.parametrize(
    ("body", "sentence", "field"),
    [
        (b'{"number": 9}', "number must be a whole number of at most 8", "number"),
        (b'{"number": 0}', "number must be a whole number of at least 1", "number"),
        (b'{"number": "1"}', "number must be a whole number or null, not a text", "number"),
        (b'{"number": 1.5}', "number must be a whole number or null, not a decimal number", "number"),
        (b'{"name": "long"}', "name must be a text whose length is at most 3", "name"),
        (b'{"share": 0}', "share must be a decimal number above 0.0", "share"),
        (b'{"scope": "all"}', "scope: Invalid enum value 'all'", "scope"),
        (b'{"prices": [{}]}', "prices[0].cents is missing", "prices[0].cents"),
        (b'{"prices": [{"cents": true}]}', "prices[0].cents must be a whole number, not true or false", "prices[0].cents"),
        (b'{"nummer": 1}', "nummer is not a known field", "nummer"),
        (b"[]", "the body must be an object, not a list", None),
        (b"{", "Input data was truncated", None),
    ],
)
def test_an_error_is_explained_in_words(body, sentence, field):
    with pytest.raises(msgspec.DecodeError) as raised:
        json_body.decode(body, Body)

    assert json_body.explain(raised.value) == (sentence, field)
