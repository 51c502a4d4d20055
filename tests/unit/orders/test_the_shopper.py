import re
import time

import jwt
import pytest

ADA = "auth0|5ba1a9227dc7232e1aec4fd0"
GRACE = "auth0|5ba1a9227dc7232e1aec4fd1"
CHALLENGE = re.compile(r'Bearer realm="[^"\\]*"(, error="(?P<error>[a-z_]+)", error_description="(?P<why>[ !#-\[\]-~]*)")?')


def _challenge(response):
    found = CHALLENGE.fullmatch(response.headers["WWW-Authenticate"])
    assert found, response.headers["WWW-Authenticate"]
    return found["error"]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "   ",
        "Bearer",
        "Bearer ",
        "Bearer    ",
        "Basic YWRhOnNob3BwZXI=",
        "Token abc",
        "\u00a0",
        "bearer\tabc",
        "eyJhbGciOiJub25lIn0.e30.",
    ],
    ids=["none", "empty", "blank", "no token", "space", "spaces", "Basic", "other scheme", "no-break space", "tab", "no scheme"],
)
def test_without_a_bearer_token_the_challenge_has_no_error_code(shop, refused, header):
    response = shop.post(user=None, headers={} if header is None else {"Authorization": header})

    refused(response, 401)
    assert _challenge(response) is None


@pytest.mark.parametrize(
    "token",
    ["a b", "a,b", 'a"b', "a\\b", "=", "a=b", "ключ".encode().decode("latin-1"), "a;b", "<script>"],
    ids=ascii,
)
def test_a_malformed_token_never_leaves_the_shop(shop, refused, token):
    """What is no b64token of RFC 6750, 2.1 is not sent to auth."""
    response = shop.post(user=None, headers={"Authorization": f"Bearer {token}"})

    problem = refused(response, 401)
    assert _challenge(response) == "invalid_token"
    assert "hop" not in problem


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "x" * 8000])
def test_a_refused_token_names_the_hop(shop, refused, token):
    response = shop.post(user=None, headers={"Authorization": f"Bearer {token}"})

    problem = refused(response, 401)
    assert problem["hop"] == "auth-stub"
    assert _challenge(response) == "invalid_token"


def test_an_expired_token_is_refused_in_auth0s_words(shop, refused, tokens):
    claims = jwt.decode(tokens.issue(ADA), options={"verify_signature": False}) | {"exp": int(time.time()) - 1}
    expired = jwt.encode(claims, tokens._key, algorithm="RS256")

    response = shop.post(user=None, headers={"Authorization": f"Bearer {expired}"})

    problem = refused(response, 401)
    assert problem["detail"] == "Expired token received for JSON Web Token validation"
    assert _challenge(response) == "invalid_token"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
def test_the_scheme_is_read_without_regard_to_case_and_spaces(shop, scheme):
    response = shop.post(user=None, headers={"Authorization": f"{scheme} {shop.token(ADA)}"})

    assert response.status_code == 202


@pytest.mark.parametrize(
    "name", ["nobody", "auth0|0", "../../oauth/token", ".", "..", "/", "?", "#", "%2e%2e", "a/b", "\x00", "💩", " "]
)
def test_an_unknown_user_is_not_authenticated(shop, refused, name):
    response = shop.post({"itemId": 1, "username": name, "quantity": 1})

    problem = refused(response, 401)
    assert (problem["hop"], problem["field"]) == ("auth-stub", "username")
    assert _challenge(response) is None


def test_another_users_token_is_forbidden(shop, refused):
    response = shop.post(user=GRACE)

    problem = refused(response, 403)
    assert (problem["hop"], problem["field"]) == ("auth-stub", "username")
    assert _challenge(response) == "insufficient_scope"


def test_an_answer_never_repeats_the_token(shop):
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZWNyZXQifQ.c2lnbmF0dXJl"

    response = shop.post(user=None, headers={"Authorization": f"Bearer {token}"})

    assert token not in response.text + str(response.headers)
