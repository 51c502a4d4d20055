import json

import msgspec
import pytest

from vshop.kit.order import InvalidRecordError, NewOrder, decode_record

ORDER = NewOrder(
    order_id="o1", item_id=1, username="auth0|ada", quantity=2, discount_code="DEL15", placed_at="2026-01-01T00:00:00.000Z"
)


def _changed(**changes):
    fields = json.loads(ORDER.encode()) | changes
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def test_encoding_and_decoding_returns_the_same_order():
    for order in (ORDER, msgspec.structs.replace(ORDER, discount_code=None, username="Ключ 🛒\u2028")):
        assert decode_record(order.encode()) == order


def test_the_record_has_the_promised_fields():
    assert json.loads(ORDER.encode()) == {
        "schemaVersion": 1,
        "orderId": "o1",
        "itemId": 1,
        "username": "auth0|ada",
        "discountCode": "DEL15",
        "quantity": 2,
        "placedAt": "2026-01-01T00:00:00.000Z",
    }


def test_the_key_is_the_items_number():
    """All orders of an item go to one partition."""
    assert ORDER.key == b"1"


def test_unknown_fields_are_ignored():
    assert decode_record(_changed(colour="red", nested={"a": [1]})) == ORDER


def test_a_discount_may_be_missing():
    assert decode_record(_changed(discountCode=...)).discount_code is None
    assert decode_record(_changed(discountCode=None)).discount_code is None


@pytest.mark.parametrize("version", [0, 2, -1, 10**20])
def test_another_schema_version_is_invalid(version):
    with pytest.raises(InvalidRecordError):
        decode_record(_changed(schemaVersion=version))


def test_the_error_names_an_unknown_schema_version():
    with pytest.raises(InvalidRecordError, match="schemaVersion 2 is not known here, only 1"):
        decode_record(_changed(schemaVersion=2))


@pytest.mark.parametrize("field", ["orderId", "itemId", "username", "quantity", "placedAt"])
def test_the_error_names_a_missing_field(field):
    with pytest.raises(InvalidRecordError, match=field):
        decode_record(_changed(**{field: ...}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("orderId", ""),
        ("orderId", 7),
        ("orderId", "two words"),
        ("orderId", "o1\n"),
        ("itemId", -1),
        ("itemId", "1"),
        ("quantity", 0),
        ("quantity", 1001),
        ("username", ""),
        ("placedAt", 0),
    ],
)
def test_the_error_names_the_path_of_a_wrong_field(field, value):
    with pytest.raises(InvalidRecordError, match=rf"\$\.{field}"):
        decode_record(_changed(**{field: value}))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="None"),
        pytest.param(b"", id="empty"),
        pytest.param(ORDER.encode()[:60], id="cut off"),
        pytest.param(b"\xff\xfe", id="bytes"),
        pytest.param(_changed(username="x").replace(b'"x"', b'"\xff"'), id="invalid UTF-8"),
        pytest.param(_changed(username="x").replace(b'"x"', b'"\\ud800"'), id="lone surrogate"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"null", id="null"),
        pytest.param(_changed() + b"{}", id="two documents"),
        pytest.param(b'{"new":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="nested deeper than can be read"),
        pytest.param(b'{"new":' + b'{"a":' * 100_000, id="nested and cut off"),
    ],
)
def test_any_other_value_is_an_invalid_record(value):
    with pytest.raises(InvalidRecordError):
        decode_record(value)
