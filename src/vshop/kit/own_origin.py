"""Lets no web page from elsewhere change anything: neither by a request across origins nor by a name rebound to this address."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import Flask, request

from vshop.kit.problems import Problem

_SAFE = ("GET", "HEAD", "OPTIONS")
_PORTS = {"http": "80", "https": "443"}


def guard(app: Flask, names: Iterable[str]) -> None:
    """Refuse, with 403, requests that may change something and come from elsewhere.

    A request that a browser sends for a page carries ``Origin``, which must be where it is sent to. Where it is sent to must be
    a name of ours: an address, a name without dots (as in a container network), ``*.localhost``, or one that is given here;
    for any other name might have been made to point here by whoever owns it.

    Args:
        app: the application.
        names: host names under which the application is also reached.
    """
    known = frozenset(name.lower() for name in names if name)

    @app.before_request
    def _check() -> None:
        if request.method in _SAFE:
            return
        host, origin = request.host.lower(), request.headers.get("Origin")
        if origin is not None and not _same(origin.lower(), host):
            raise Problem(403, f"A page of {origin[:100]} may not change anything here.", field="Origin")
        if (origin is not None or request.method != "POST") and not ours(host, known):
            raise Problem(403, f"{host[:100]} is no name of this {app.name}; its SHOP_*_URL says its name.", field="Host")


def _same(origin: str, host: str) -> bool:
    scheme, _, place = origin.partition("://")
    port = f":{_PORTS.get(scheme)}"
    return scheme in _PORTS and place.removesuffix(port) == host.removesuffix(port)


def ours(host: str, known: frozenset[str]) -> bool:
    """Whether a ``Host`` is a name of ours: an address, a name without dots, ``*.localhost``, or one of ``known``."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in known or "." not in name or name.endswith(".localhost"):
        return bool(name)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
