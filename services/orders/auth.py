"""Authenticates the shopper at the auth service: the first hop of an order."""

import contextlib
import functools
import json
import logging
import re
import socket
from typing import Any
from urllib.parse import quote

import requests

from vshop.kit.chaos.baggage import outgoing_headers
from vshop.kit.chaos.switches import NO_CHAOS, Switches
from vshop.kit.http.problems import Problem
from vshop.kit.http.session import http_session
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)

_TOKEN = re.compile(r"[\w.~+/-]+=*", re.ASCII)  # b64token of RFC 6750, 2.1
TRIES = 2  # a GET may be repeated: one retry hides a short failure from the shopper, and the trace shows it


class AuthClient:
    """Calls ``GET /api/v2/users/{id}`` with the shopper's own token."""

    def __init__(self, settings: Settings, chaos: Switches = NO_CHAOS) -> None:
        self._base = settings.auth_url.rstrip("/")
        self._timeout = (settings.auth_connect_timeout_s, settings.auth_read_timeout_s)
        self._chaos = chaos
        self._session = http_session(requests.utils.default_user_agent(), connections=32)

    def authenticate(self, authorization: str | None, username: str) -> dict[str, Any]:
        """Check that the token belongs to the user who orders, and return the user's profile.

        Raises:
            Problem: 401 the token is missing, malformed or refused, or the user does not exist; 403 it belongs to another user; 503
                auth did not answer, or returned another user's profile.
            json.JSONDecodeError: auth answered 200 with something that is not JSON.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            # RFC 6750, 3: the challenge to a request without credentials has no error code.
            raise Problem(
                401,
                "Send an Authorization header with a Bearer token; POST auth-stub/oauth/token issues one.",
                headers=_challenge(),
            )
        if not _TOKEN.fullmatch(token.strip()):
            raise Problem(401, "The bearer token is malformed.", headers=_challenge("invalid_token", "malformed"))
        response = self._get(f"/api/v2/users/{quote(username, safe='')}", f"Bearer {token.strip()}")
        if response.status_code == requests.codes.ok:
            profile: Any = json.loads(response.content)
            if isinstance(profile, dict) and profile.get("user_id") == username:
                return profile
            raise _unavailable("auth returned the profile of another user.")
        raise _refusal(response)

    def _get(self, path: str, authorization: str) -> requests.Response:
        for attempt in range(1, TRIES + 1):
            base = self._base
            if self._chaos.on("auth-connect-timeout"):
                base = _unreachable_url()
            if attempt == 1 and self._chaos.on("auth-retry-succeeds"):
                base = _unreachable_url()
            try:
                response = self._session.get(
                    base + path, headers={"Authorization": authorization, **outgoing_headers()}, timeout=self._timeout
                )
            except requests.RequestException as error:
                log.warning("auth did not answer (try %d of %d): %s", attempt, TRIES, error)
                failure: Exception | None = error
            else:
                failure = None
                if response.status_code < requests.codes.server_error:
                    return response
                log.warning("auth answered %d (try %d of %d)", response.status_code, attempt, TRIES)
        raise _unavailable("auth did not answer.") from failure


_sockets: list[socket.socket] = []  # open as long as the process runs


@functools.cache
def _unreachable_url() -> str:
    """Return an address that never accepts a connection, like a firewall that drops packets: a socket with a full backlog."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    _sockets.append(listener)
    for _ in range(4):  # more than the smallest backlog of any system
        filler = socket.socket()
        filler.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            filler.connect(listener.getsockname())
        _sockets.append(filler)
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


def _unavailable(reason: str) -> Problem:
    detail = f"The shopper cannot be authenticated: {reason} Nothing was ordered; try again."
    return Problem(503, detail, headers={"Retry-After": "5"}, hop="auth-stub")


def _refusal(response: requests.Response) -> Problem:
    try:
        message = str(response.json()["message"])
    except (ValueError, LookupError, TypeError):
        message = f"HTTP {response.status_code}"
    if response.status_code == requests.codes.unauthorized:
        return Problem(401, message, headers=_challenge("invalid_token", message), hop="auth-stub")
    if response.status_code == requests.codes.not_found:
        return Problem(401, message, headers=_challenge(), hop="auth-stub", field="username")
    if response.status_code == requests.codes.forbidden:
        return Problem(403, message, headers=_challenge("insufficient_scope", message), hop="auth-stub", field="username")
    return _unavailable(f"auth answered {response.status_code}: {message}.")


def _challenge(error: str | None = None, description: str = "") -> dict[str, str]:
    """RFC 6750, 3. Its quoted strings may not contain quotes or backslashes."""
    value = 'Bearer realm="virtual-shop"'
    if error:
        plain = re.sub(r"[^ !#-\[\]-~]", " ", description)
        value += f', error="{error}", error_description="{plain}"'
    return {"WWW-Authenticate": value}
