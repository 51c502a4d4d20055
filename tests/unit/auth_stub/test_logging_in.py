"""The token endpoint speaks OAuth 2.0 (RFC 6749), as JSON and as a form; the key set and the discovery document fit it."""

import jwt
import pytest

from auth_stub.tokens import Tokens
from vshop.kit.settings import Settings

ADA = "auth0|5ba1a9227dc7232e1aec4fd0"
LOGIN = {"grant_type": "password", "username": ADA, "password": "shopper", "audience": "https://virtual-shop.local/api"}


@pytest.fixture(params=["json", "data"], ids=["JSON", "form"])
def login(client, request):
    def post(**changed):
        body = {name: value for name, value in (LOGIN | changed).items() if value is not None}
        return client.post("/oauth/token", **{request.param: body})

    return post


def test_a_login_gives_a_token_for_the_user(login, client):
    response = login()

    answer = response.get_json()
    assert response.status_code == 200
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "read:current_user")
    profile = client.get(f"/api/v2/users/{ADA}", headers={"Authorization": f"Bearer {answer['access_token']}"})
    assert profile.get_json()["user_id"] == ADA


def test_a_token_is_not_to_be_cached(login):
    assert login().headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"audience": "https://elsewhere/api"}, 400, "invalid_request"),
        ({"audience": None}, 400, "invalid_request"),
        ({"password": "wrong"}, 403, "invalid_grant"),
        ({"password": ""}, 403, "invalid_grant"),
        ({"password": None}, 403, "invalid_grant"),
        ({"username": "nobody"}, 403, "invalid_grant"),
        ({"username": None}, 403, "invalid_grant"),
    ],
    ids=lambda value: next(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else None,
)
def test_a_refused_login_says_why(login, changed, status, error):
    """RFC 6749, 5.2; wrong credentials are 403 at Auth0."""
    response = login(**changed)

    assert (response.status_code, response.get_json()["error"]) == (status, error)
    assert response.get_json()["error_description"]
    assert "access_token" not in response.text


@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b"", b"\xff", b'"password"'])
def test_a_body_that_is_no_object_is_an_invalid_request(client, body):
    response = client.post("/oauth/token", data=body, content_type="application/json")

    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("value", [["auth0"], {"a": 1}, 7, True])
def test_fields_of_another_type_log_nobody_in(client, value):
    for field in ("username", "password"):
        assert client.post("/oauth/token", json=LOGIN | {field: value}).status_code == 403


def test_a_login_too_large_is_refused(client):
    assert client.post("/oauth/token", json=LOGIN | {"padding": "x" * 17_000}).status_code == 413


def test_the_key_set_verifies_a_token_with_plain_pyjwt(client, login):
    token = login().get_json()["access_token"]
    keys = jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").get_json())
    key = keys[jwt.get_unverified_header(token)["kid"]]

    claims = jwt.decode(token, key, algorithms=["RS256"], audience=LOGIN["audience"], issuer="https://virtual-shop.local/")

    assert claims["sub"] == ADA
    assert claims["exp"] - claims["iat"] == 3600


def test_the_key_set_holds_no_private_number(client):
    (key,) = client.get("/.well-known/jwks.json").get_json()["keys"]

    assert key.keys() & {"d", "p", "q", "dp", "dq", "qi", "oth"} == set()
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")


def test_every_start_has_another_key():
    """So a token of an earlier life is not accepted."""
    first, second = (Tokens(Settings()).jwks()["keys"][0]["kid"] for _ in range(2))

    assert first != second


def test_the_discovery_document_names_the_endpoints(client):
    """OpenID Connect Discovery 1.0, 3; each address answers."""
    document = client.get("/.well-known/openid-configuration", base_url="http://auth:8081").get_json()

    assert document["issuer"] == "https://virtual-shop.local/"
    assert document["jwks_uri"] == "http://auth:8081/.well-known/jwks.json"
    assert document["token_endpoint"] == "http://auth:8081/oauth/token"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert document.keys() >= {"response_types_supported", "subject_types_supported"}


def test_settings_decide_issuer_audience_and_lifetime():
    """A token of one stub is none of another."""
    other = Tokens(Settings(token_issuer="https://i/", token_audience="https://a/", token_lifetime_s=5))

    claims = jwt.decode(other.issue("ada"), options={"verify_signature": False})

    assert (claims["iss"], claims["aud"], claims["exp"] - claims["iat"]) == ("https://i/", "https://a/", 5)


@pytest.mark.parametrize("body", [b"[" * 7_000, b'{"a": "\xff"}', b"nonsense"])
def test_a_body_that_cannot_be_read_is_refused(client, body):
    response = client.post("/oauth/token", data=body, content_type="application/json")

    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_request")
