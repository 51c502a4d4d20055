"""Lets nobody read the shop through the page by a host name that was made to point here."""

from collections.abc import Iterable

from flask import Flask, request

from vshop.kit.own_origin import ours
from vshop.kit.problems import Problem


def guard_reading(app: Flask, names: Iterable[str]) -> None:
    """Refuse, with 403, every request below ``/api/`` whose ``Host`` is not the console's own.

    Payloads of orders are read there: a page elsewhere whose name is rebound to this address would be of this origin.

    Args:
        app: the application.
        names: host names under which the console is also reached.
    """
    known = frozenset(name.lower() for name in names if name)

    @app.before_request
    def _check() -> None:
        if request.path.startswith("/api/") and not ours(request.host.lower(), known):
            raise Problem(403, f"{request.host[:100]} is no name of this console; its SHOP_*_URL says its name.", field="Host")
