import json

import pytest

ADA = "auth0|5ba1a9227dc7232e1aec4fd0"
GOOD = {"itemId": 1, "username": ADA, "quantity": 2}


def _with(**changed):
    return json.dumps({name: value for name, value in (GOOD | changed).items() if value is not None}).encode()


def _raw(field, literal):
    fields = {name: json.dumps(value) for name, value in GOOD.items()} | {field: literal}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}").encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"   ", id="blank"),
        pytest.param(b"itemId=1&quantity=2", id="a form"),
        pytest.param(_with()[:-1], id="cut off"),
        pytest.param(_with() + b"{}", id="two documents"),
        pytest.param(b"\xef\xbb\xbf" + _with(), id="byte order mark"),
        pytest.param(_with().replace(b"auth0", b"auth\xff"), id="invalid UTF-8"),
        pytest.param(_raw("username", '"\\ud800"'), id="lone high surrogate"),
        pytest.param(_raw("username", '"\\udc00"'), id="lone low surrogate"),
        pytest.param(_raw("quantity", "NaN"), id="NaN"),
        pytest.param(_raw("quantity", "Infinity"), id="Infinity"),
        pytest.param(_raw("quantity", "02"), id="leading zero"),
        pytest.param(_raw("quantity", "'2'"), id="single quotes"),
        pytest.param(b"{" * 60_000, id="deep objects"),
        pytest.param(b"\x00" * 100, id="zeros"),
        pytest.param(_with().decode().encode("utf-16"), id="UTF-16"),
    ],
)
def test_what_is_not_json_is_refused(shop, refused, body):
    problem = refused(shop.post(body), 400)

    assert "is not JSON" in problem["detail"]


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"1", b'"order"', b"[" * 60_000], ids=["array", "null", "number", "string", "deep"]
)
def test_json_that_is_no_object_is_refused(shop, refused, body):
    problem = refused(shop.post(body), 400)

    assert "the body must be an object" in problem["detail"]
    assert "field" not in problem


@pytest.mark.parametrize(
    ("field", "body"),
    [
        pytest.param("itemId", _with(itemId=None), id="missing item"),
        pytest.param("username", _with(username=None), id="missing user"),
        pytest.param("quantity", _with(quantity=None), id="missing quantity"),
        pytest.param("itemId", b"{}", id="empty object"),
        pytest.param("colour", _with(colour="red"), id="unknown field"),
        pytest.param("itemid", _with(itemid=1), id="other capitals"),
        pytest.param("itemId", _with(itemId="1"), id="item as text"),
        pytest.param("itemId", _with(itemId=True), id="item as boolean"),
        pytest.param("itemId", _with(itemId=1.5), id="item as fraction"),
        pytest.param("itemId", _with(itemId=-1), id="negative item"),
        pytest.param("itemId", _with(itemId=2**53 + 1), id="item over 2^53"),
        pytest.param("itemId", _with(itemId=10**30), id="huge item"),
        pytest.param("itemId", _raw("itemId", "1e400"), id="item out of range"),
        pytest.param("itemId", _raw("itemId", "null"), id="null item"),
        pytest.param("itemId", _raw("itemId", "[" * 30_000), id="item as deep array"),
        pytest.param("quantity", _with(quantity=0), id="zero quantity"),
        pytest.param("quantity", _with(quantity=-1), id="negative quantity"),
        pytest.param("quantity", _with(quantity=1001), id="too large quantity"),
        pytest.param("quantity", _with(quantity=10**40), id="huge quantity"),
        pytest.param("quantity", _raw("quantity", "1e400"), id="quantity out of range"),
        pytest.param("quantity", _with(quantity="2"), id="quantity as text"),
        pytest.param("quantity", _with(quantity=[2]), id="quantity as array"),
        pytest.param("username", _with(username=""), id="empty user"),
        pytest.param("username", _with(username="u" * 129), id="very long user"),
        pytest.param("username", _with(username="u" * 60_000), id="endless user"),
        pytest.param("username", _with(username=7), id="user as number"),
        pytest.param("username", _with(username={"id": ADA}), id="user as object"),
        pytest.param("discountCode", _with(discountCode=""), id="empty code"),
        pytest.param("discountCode", _with(discountCode="D" * 33), id="very long code"),
        pytest.param("discountCode", _with(discountCode=15), id="code as number"),
        pytest.param("itemId", _with(itemId=10), id="item the shop does not sell"),
        pytest.param("itemId", _with(itemId=2**53), id="item far beyond the last"),
        pytest.param("discountCode", _with(discountCode="DEL16"), id="unknown code"),
        pytest.param("discountCode", _with(discountCode="del15"), id="code in small letters"),
    ],
)
def test_a_wrong_field_is_named(shop, refused, field, body):
    problem = refused(shop.post(body), 400)

    assert problem["field"] == field
    assert field in problem["detail"]


def test_of_a_key_given_twice_the_last_one_is_ordered(shop):
    """RFC 8259, 4 leaves it open; what matters is that it is one of the two and that the record says which."""
    response = shop.post(_with()[:-1] + b',"quantity":5}')

    assert response.status_code == 202
    assert [order.quantity for order in shop.sender.orders] == [5]


@pytest.mark.parametrize("name", ["", "a`b", "\u2028", "x" * 60_000, "`$.quantity`"])
def test_any_unknown_name_is_refused(shop, refused, name):
    refused(shop.post(_with(**{name: 1})), 400)


def test_the_largest_and_the_smallest_order_are_taken(shop):
    for changed in ({"quantity": 1, "itemId": 0}, {"quantity": 1000, "itemId": 9}, {"discountCode": "XMASSAVE30"}):
        assert shop.post(_with(**changed)).status_code == 202
    assert [(order.item_id, order.quantity) for order in shop.sender.orders] == [(0, 1), (9, 1000), (1, 2)]
