"""Refuses changes by web pages of other origins, also by DNS rebinding, except where CORS allows them."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import Flask, Response, request

from vshop.kit.http.problems import Problem

_SAFE = ("GET", "HEAD", "OPTIONS")
_PORTS = {"http": "80", "https": "443"}
_PRIVATE = (".localhost", ".docker.internal", ".containers.internal", ".svc", ".svc.cluster.local")
"""Names that only this machine, a container engine or a cluster resolves."""


class SharedPaths:
    """Paths that loopback origins, and those of a setting (``*``: all), may POST to.

    https://fetch.spec.whatwg.org/#http-cors-protocol
    """

    def __init__(self, prefixes: tuple[str, ...] = (), origins: str = "") -> None:
        self._prefixes = prefixes
        self._origins = frozenset(origin.strip().rstrip("/").lower() for origin in origins.split(",") if origin.strip())

    def covers(self, path: str) -> bool:
        """Return whether the path is shared with any origin."""
        return path.startswith(self._prefixes)

    def allow(self, origin: str | None) -> bool:
        """Return whether the origin may use this request's path."""
        if origin is None or not self.covers(request.path):
            return False
        return "*" in self._origins or origin.lower() in self._origins or _is_loopback(origin.lower())

    def preflight(self) -> Response | None:
        """Answer a browser's preflight request; None for other requests."""
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or not asked or not self.covers(request.path):
            return None
        response = Response(status=204)
        if self.allow(request.headers.get("Origin")):
            response.headers["Access-Control-Allow-Methods"] = "POST"
            response.headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "")
            response.headers["Access-Control-Max-Age"] = "7200"
            if request.headers.get("Access-Control-Request-Private-Network"):
                response.headers["Access-Control-Allow-Private-Network"] = "true"
        return response

    def add_headers(self, response: Response) -> Response:
        """Let the page read the response."""
        if self.covers(request.path):
            response.vary.add("Origin")
            origin = request.headers.get("Origin")
            if origin is not None and self.allow(origin):
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After"
        return response


def refuse_cross_origin(app: Flask, allowed_hosts: Iterable[str], shared: SharedPaths | None = None) -> None:
    """Refuse, with 403, cross-origin requests that may change something, except for shared paths.

    A browser's ``Origin`` must match ``Host``, which must be a name of this service: the owner of any other name may let it point
    to this address.
    """
    allowed = frozenset(host.lower() for host in allowed_hosts if host)
    shared = shared or SharedPaths()
    app.before_request(shared.preflight)
    app.after_request(shared.add_headers)

    @app.before_request
    def _check() -> None:
        if request.method in _SAFE:
            return
        host, origin = request.host.lower(), request.headers.get("Origin")
        if origin is not None and not _is_same_origin(origin.lower(), host) and not shared.allow(origin):
            hint = f" Set SHOP_CORS_ORIGINS={origin[:100]} to allow them." if shared.covers(request.path) else ""
            raise Problem(403, f"Pages of {origin[:100]} are not allowed to change anything here.{hint}", field="Origin")
        if (origin is not None or request.method != "POST") and not is_own_host(host, allowed):
            raise foreign_host(host)


def _is_same_origin(origin: str, host: str) -> bool:
    scheme, _, address = origin.partition("://")
    port = f":{_PORTS.get(scheme)}"
    return scheme in _PORTS and address.removesuffix(port) == host.removesuffix(port)


def foreign_host(host: str) -> Problem:
    """Make the 403 for a foreign ``Host``."""
    name = host[:100].rpartition(":")[0] or host[:100]
    advice = f"Use localhost or an IP address, or set SHOP_ALLOWED_HOSTS={name} for this service."
    return Problem(403, f'Host "{host[:100]}" is not allowed. {advice}', field="Host")


def host_names(setting: str) -> list[str]:
    """Split ``SHOP_ALLOWED_HOSTS``."""
    return [name.strip() for name in setting.split(",") if name.strip()]


def _is_loopback(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        name = parts.hostname or ""
        return parts.scheme in _PORTS and (
            name == "localhost" or name.endswith(".localhost") or ipaddress.ip_address(name).is_loopback
        )
    except ValueError:
        return False


def is_own_host(host: str, allowed: frozenset[str]) -> bool:
    """Return whether ``Host`` is an IP address, a name without dots, one that no public DNS has, or allowed."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in allowed or "." not in name or name.endswith(_PRIVATE):
        return bool(name)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
