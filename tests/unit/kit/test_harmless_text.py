import json
import random
import string

import jwt
import pytest

from vshop.kit.telemetry.secrets import redact

JWT = jwt.encode({"sub": "ada", "exp": 2_000_000_000}, "k" * 32, algorithm="HS256")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "placing new order OrderRequest(item_id=1, username='auth0|5ba1a9227dc7232e1aec4fd0', quantity=2)",
        '{"itemId": 1, "username": "auth0|5ba1", "discountCode": "DEL15"}',
        "Send an Authorization header with a Bearer token; POST auth-stub/oauth/token issues one.",
        'Bearer realm="virtual-shop", error="invalid_token", error_description="malformed"',
        "Expired token received for JSON Web Token validation",
        "Invalid token received for JSON Web Token validation: Not enough segments",
        '{"token_type": "Bearer", "expires_in": 3600}',
        '{"token_endpoint": "http://127.0.0.1:8081/oauth/token"}',
        '{"token": null, "secret": false, "cookie": true}',
        '{"idempotency-key": "k1", "key": "1"}',
        "basic authentication is not supported",
        "Wrong user id or password.",
        "POST /oauth/token HTTP/1.1",
        "mail ada@virtual-shop.local",
        "http://host/a@b",
        "Missing the key id in the item",
        "monkey=1&donkey: 2",
        "eyJ",
    ],
)
def test_harmless_text_is_untouched(text):
    assert redact(text) == text


def test_redacting_twice_changes_nothing_more():
    for value in ("hunter2", 'a"b', "a'b", "a\\", "\n"):
        once = redact(json.dumps({"password": value, "token": [1]}) + f" Cookie: {value}")
        assert redact(once) == once


def test_random_texts_raise_nothing():
    chance = random.Random(7)  # noqa: S311 - chance, not secrecy
    pieces = [
        '"',
        "'",
        "\\",
        "=",
        ":",
        ",",
        "{",
        "}",
        "[",
        "]",
        "(",
        " ",
        "\n",
        "\r\n",
        "%3D",
        "%26",
        "&",
        "token",
        "Password",
        "cookie",
        "authorization",
    ]
    pieces += [
        "Bearer ",
        "basic ",
        "eyJ",
        JWT,
        "name=",
        "-----BEGIN PRIVATE KEY-----",
        "://",
        "@",
        "--",
        "\ud800",
        "\x00",
        "🛒",
        *string.ascii_letters,
    ]
    for _ in range(3000):
        text = "".join(chance.choices(pieces, k=chance.randint(0, 60)))
        result = redact(text)
        assert isinstance(result, str)
        assert JWT not in result


@pytest.mark.parametrize(
    "piece",
    [
        "a-",
        "token",
        "password=\\",
        '"',
        '"password":"',
        "eyJ",
        "eyJ.-",
        "://",
        "{",
        'name="password"\n',
        "cookie:",
        "Bearer ",
        "token: ",
        "\\",
        "'",
    ],
)
@pytest.mark.parametrize("around", ["password", '"token":', '"token":"', "token='"])
@pytest.mark.timeout(10)
def test_a_long_text_costs_time_in_proportion(piece, around):
    """No text makes the patterns run away: these would take minutes if the time grew with the square."""
    redact(around + piece * 10_000 + around)
