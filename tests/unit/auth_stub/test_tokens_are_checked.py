import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ADA = "auth0|5ba1a9227dc7232e1aec4fd0"
GRACE = "auth0|5ba1a9227dc7232e1aec4fd1"


def _ask(client, token, user=ADA):
    return client.get(f"/api/v2/users/{user}", headers={"Authorization": f"Bearer {token}"})


def _refused(response, says):
    body = response.get_json()
    assert (response.status_code, response.mimetype) == (401, "application/json")
    assert body == {
        "message": body["message"],
        "statusCode": 401,
        "error": "Unauthorized",
        "attributes": {"error": body["message"]},
    }
    assert says in body["message"]


def _b64(data):
    return base64.urlsafe_b64encode(json.dumps(data).encode() if isinstance(data, dict) else data).rstrip(b"=").decode()


def test_the_users_own_token_shows_the_profile(client, tokens):
    response = _ask(client, tokens.issue(ADA))

    assert response.status_code == 200
    assert (response.get_json()["user_id"], response.get_json()["name"]) == (ADA, "Ada")
    assert "shopper" not in response.text


def test_an_expired_token_is_refused_word_for_word(client, forge, now):
    """The very bytes that a workshop looks for."""
    response = _ask(client, forge(exp=now - 1))

    says = "Expired token received for JSON Web Token validation"
    assert response.status_code == 401
    assert response.get_json() == {"message": says, "statusCode": 401, "error": "Unauthorized", "attributes": {"error": says}}


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"aud": "https://elsewhere/api"}, "Audience"),
        ({"aud": None}, "aud"),
        ({"iss": "https://elsewhere/"}, "issuer"),
        ({"iss": None}, "iss"),
        ({"exp": None}, "exp"),
        ({"exp": "soon"}, "Invalid token"),
        ({"iat": None}, "iat"),
        ({"iat": 2**40}, "not yet valid"),
        ({"nbf": 2**40}, "not yet valid"),
        ({"sub": None}, "sub"),
        ({"sub": 7}, "ubject"),
    ],
    ids=lambda value: next(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else None,
)
def test_a_token_with_a_wrong_claim_is_refused(client, forge, claims, says):
    _refused(_ask(client, forge(**claims)), says)


def test_one_of_several_audiences_suffices(client, forge):
    assert _ask(client, forge(aud=["https://elsewhere/api", "https://virtual-shop.local/api"])).status_code == 200


def test_an_unsigned_token_is_refused(client, forge):
    """``alg: none`` (RFC 7519, 6), in any spelling."""
    claims = jwt.decode(forge(), options={"verify_signature": False})
    _refused(_ask(client, jwt.encode(claims, None, algorithm="none")), "Invalid token")
    for alg in ("None", "NONE", "nOnE", ""):
        _refused(_ask(client, f"{_b64({'alg': alg, 'typ': 'JWT'})}.{_b64(claims)}."), "Invalid token")


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_token_signed_with_the_public_key_as_secret_is_refused(client, tokens, forge, encoding):
    """HS256 with what everybody can read in the key set."""
    claims = jwt.decode(forge(), options={"verify_signature": False})
    secret = tokens._key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{_b64({'alg': 'HS256', 'typ': 'JWT'})}.{_b64(claims)}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()

    _refused(_ask(client, f"{signed}.{_b64(signature)}"), "Invalid token")


def test_a_foreign_keys_token_is_refused(client, forge, tokens):
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    _refused(_ask(client, forge(foreign)), "Signature")
    _refused(_ask(client, forge(foreign, headers={"kid": tokens.jwks()["keys"][0]["kid"]})), "Signature")


def test_a_key_that_comes_with_the_token_is_not_used(client, forge):
    """``jwk`` in the header (RFC 7515, 4.1.3) is the attacker's."""
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(foreign.public_key()))

    _refused(_ask(client, forge(foreign, headers={"jwk": public})), "Signature")


def test_a_changed_payload_is_refused(client, forge):
    head, payload, signature = forge().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"sub": GRACE}

    _refused(_ask(client, f"{head}.{_b64(claims)}.{signature}", GRACE), "Signature")


@pytest.mark.parametrize(
    "token",
    ["garbage", "a.b.c", "..", "....", "eyJ", "e30.e30.e30", "null", "a b c", "\u00e9", "x" * 8000, "W10.W10.W10"],
    ids=ascii,
)
def test_garbage_is_refused(client, token):
    _refused(_ask(client, token), "Invalid token")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YWRhOnNob3BwZXI=", "bearer"])
def test_without_a_token_authentication_is_missing(client, header):
    response = client.get(f"/api/v2/users/{ADA}", headers={"Authorization": header} if header is not None else {})

    _refused(response, "Missing authentication")


def test_another_user_is_forbidden(client, tokens):
    response = _ask(client, tokens.issue(GRACE))

    assert (response.status_code, response.get_json()["error"]) == (403, "Forbidden")


def test_an_unknown_user_is_not_found(client, tokens):
    response = _ask(client, tokens.issue(ADA), "nobody")

    assert (response.status_code, response.get_json()["statusCode"]) == (404, 404)


def test_readiness_issues_and_checks_a_token(client):
    body = client.get("/readyz").get_json()

    assert (body["status"], body["checks"]["token"]["ok"]) == ("ready", True)
    assert "eyJ" not in str(body)
