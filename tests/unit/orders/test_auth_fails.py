import socket
import threading

import pytest

ADA = "auth0|5ba1a9227dc7232e1aec4fd0"
HTML = b"<!DOCTYPE html><html><title>Gateway</title></html>"


class ScriptedAuth:
    def __init__(self):
        self.answers = []
        self.asked = []
        self.stall = threading.Event()
        self.stall.set()

    def __call__(self, environ, start_response):
        self.asked.append((environ["PATH_INFO"], environ.get("HTTP_AUTHORIZATION")))
        self.stall.wait(5)
        status, media_type, body = self.answers[min(len(self.asked), len(self.answers)) - 1]
        start_response(status, [("Content-Type", media_type), ("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture
def auth():
    return ScriptedAuth()


@pytest.fixture
def shop(open_shop, auth, stage):
    stage.app = auth
    yield open_shop(f"http://127.0.0.1:{stage.port}", read_timeout_s=0.3)
    auth.stall.set()


def _unavailable(refused, response, shop):
    problem = refused(response, 503, shop)
    assert problem["hop"] == "auth-stub"
    assert int(response.headers["Retry-After"]) > 0
    assert "Nothing was ordered" in problem["detail"]
    return problem


def test_auth_that_is_down(open_shop, refused):
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    shop = open_shop(f"http://127.0.0.1:{port}")

    problem = _unavailable(refused, shop.post(), shop)

    assert str(port) not in problem["detail"]


def test_auth_that_is_slow(shop, auth, refused):
    auth.answers = [("200 OK", "application/json", b"{}")]
    auth.stall.clear()

    _unavailable(refused, shop.post(), shop)

    assert len(auth.asked) == 2


@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "599 Odd"])
def test_auth_that_fails(shop, auth, refused, status):
    auth.answers = [(status, "text/html", HTML)]

    _unavailable(refused, shop.post(), shop)

    assert len(auth.asked) == 2


@pytest.mark.parametrize(
    "status", ["429 Too Many Requests", "400 Bad Request", "304 Not Modified", "204 No Content", "201 Created"]
)
def test_an_unexpected_status_does_not_authenticate(shop, auth, refused, status):
    auth.answers = [(status, "text/html", b"")]

    _unavailable(refused, shop.post(), shop)


def test_a_successful_retry_hides_the_failure(shop, auth):
    profile = b'{"user_id": "%s"}' % ADA.encode()
    auth.answers = [("503 Service Unavailable", "text/html", HTML), ("200 OK", "application/json", profile)]

    assert shop.post().status_code == 202
    assert len(shop.sender.records) == 1


def test_the_shoppers_own_token_is_forwarded(shop, auth):
    auth.answers = [("200 OK", "application/json", b'{"user_id": "%s"}' % ADA.encode())]
    token = shop.token(ADA)

    shop.post(user=None, headers={"Authorization": f"bearer {token}"})

    assert auth.asked == [(f"/api/v2/users/{ADA}", f"Bearer {token}")]


def test_an_html_page_returns_500_with_a_trace_id(shop, auth, refused, traced):
    auth.answers = [("200 OK", "text/html", HTML)]

    with traced() as trace_id:
        problem = refused(shop.post(), 500, shop)

    assert problem.pop("traceId") == trace_id
    assert problem.keys() == {"title", "status", "detail"}
    assert "JSON" not in problem["detail"]
    assert len(auth.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b'"yes"', b"{}", b'{"user_id": null}', b'{"user_id": "auth0|5ba1a9227dc7232e1aec4fd1"}', b'[{"user_id": 1}]'],
)
def test_the_profile_of_another_user_does_not_authenticate(shop, auth, refused, body):
    auth.answers = [("200 OK", "application/json", body)]

    _unavailable(refused, shop.post(), shop)


@pytest.mark.parametrize(
    "message",
    [b'"evil\\r\\nSet-Cookie: a=b"', b'"quote \\" backslash \\\\"', b'"\xc3\xa9\xf0\x9f\x92\xa9"', b'"\\ud800"', b'["a"]', b"null"],
)
def test_auths_message_cannot_break_the_challenge_header(shop, auth, refused, message):
    """It becomes a quoted string of the header (RFC 6750, 3)."""
    auth.answers = [("401 Unauthorized", "application/json", b'{"message": %s}' % message)]

    response = shop.post()

    refused(response, 401, shop)
    assert "Set-Cookie" not in response.headers
    assert response.headers["WWW-Authenticate"].count('"') == 6
    assert response.headers["WWW-Authenticate"].isascii()
