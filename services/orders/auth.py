"""Asks the auth service who the shopper is: the first hop of an order."""

import json
import logging
import re
from typing import Any
from urllib.parse import quote

import requests

from vshop.kit.black_hole import BlackHole
from vshop.kit.chaos import NO_CHAOS, Switches
from vshop.kit.problems import Problem
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)

_TOKEN = re.compile(r"[\w.~+/-]+=*", re.ASCII)  # b64token of RFC 6750, 2.1
TRIES = 2  # a GET may be asked again; one retry hides a hiccup from the shopper, the trace shows it


class AuthClient:
    """Calls ``GET /api/v2/users/{id}`` with the shopper's own token."""

    def __init__(self, settings: Settings, chaos: Switches = NO_CHAOS) -> None:
        """Args: settings: ``auth_url`` and the two ``auth_…_timeout_s`` are read. chaos: asked before each call."""
        self._base = settings.auth_url.rstrip("/")
        self._timeout = (settings.auth_connect_timeout_s, settings.auth_read_timeout_s)
        self._chaos = chaos
        self._black_hole = BlackHole()
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc: the shopper's token is the only credential
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=32)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def authenticate(self, authorization: str | None, username: str) -> dict[str, Any]:
        """Find out whether the bearer of a token is the user who orders.

        Args:
            authorization: the request's ``Authorization`` header.
            username: the Auth0 user id the order names.

        Returns:
            The user's profile.

        Raises:
            Problem: 401 no, malformed or refused token, or no such user; 403 another user's token;
                503 auth cannot be reached, or means another user.
            json.JSONDecodeError: auth answered 200 with something that is not JSON.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            # RFC 6750, 3: without credentials the challenge carries no error code
            raise Problem(
                401,
                "Send an Authorization header with a Bearer token; POST auth-stub/oauth/token issues one.",
                headers=_challenge(),
            )
        if not _TOKEN.fullmatch(token.strip()):
            raise Problem(401, "This is no bearer token.", headers=_challenge("invalid_token", "malformed"))
        response = self._ask(f"/api/v2/users/{quote(username, safe='')}", f"Bearer {token.strip()}")
        if response.status_code == requests.codes.ok:
            profile: Any = json.loads(response.content)
            if isinstance(profile, dict) and profile.get("user_id") == username:
                return profile
            raise _unavailable("auth answered with another profile than the shopper's.")
        raise _refusal(response)

    def _ask(self, path: str, authorization: str) -> requests.Response:
        for attempt in range(1, TRIES + 1):
            base = self._base
            if self._chaos.on("auth-connect-timeout"):
                base = self._black_hole.url
            if attempt == 1 and self._chaos.on("auth-retry-succeeds"):
                base = self._black_hole.url
            try:
                response = self._session.get(base + path, headers={"Authorization": authorization}, timeout=self._timeout)
            except requests.RequestException as error:
                log.warning("auth did not answer (try %d of %d): %s", attempt, TRIES, error)
                failure: Exception | None = error
            else:
                failure = None
                if response.status_code < requests.codes.server_error:
                    return response
                log.warning("auth answered %d (try %d of %d)", response.status_code, attempt, TRIES)
        raise _unavailable("auth did not answer.") from failure


def _unavailable(why: str) -> Problem:
    detail = f"The shopper cannot be authenticated: {why} Nothing was ordered; try again."
    return Problem(503, detail, headers={"Retry-After": "5"}, hop="auth-stub")


def _refusal(response: requests.Response) -> Problem:
    try:
        said = str(response.json()["message"])
    except (ValueError, LookupError, TypeError):
        said = f"HTTP {response.status_code}"
    if response.status_code == requests.codes.unauthorized:
        return Problem(401, said, headers=_challenge("invalid_token", said), hop="auth-stub")
    if response.status_code == requests.codes.not_found:
        return Problem(401, said, headers=_challenge(), hop="auth-stub", field="username")
    if response.status_code == requests.codes.forbidden:
        return Problem(403, said, headers=_challenge("insufficient_scope", said), hop="auth-stub", field="username")
    return Problem(503, f"auth answered {response.status_code}: {said}", headers={"Retry-After": "5"}, hop="auth-stub")


def _challenge(error: str | None = None, description: str = "") -> dict[str, str]:
    """Build the ``WWW-Authenticate`` header of RFC 6750, 3; a quoted string holds neither quotes nor backslashes."""
    value = 'Bearer realm="virtual-shop"'
    if error:
        plain = re.sub(r"[^ !#-\[\]-~]", " ", description)
        value += f', error="{error}", error_description="{plain}"'
    return {"WWW-Authenticate": value}
