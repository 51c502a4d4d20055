"""A request's own incidents. They cross the shop in a separate header, because an agent may leave out baggage.

Telemetry must show neither the names below nor the ids.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from flask import Flask

BAGGAGE_KEY = "shop.chaos"
"""W3C baggage member with the ids, joined by ``+``. Clients send it."""
HEADER = "x-shop-chaos"
"""Header of HTTP requests and Kafka records with the ids, separated by commas. The services add it."""

HEADERS = frozenset({HEADER, f"uberctx-{BAGGAGE_KEY}"})
"""That header, and Jaeger's propagator's for the baggage member."""

_incidents: ContextVar[tuple[str, ...]] = ContextVar("incidents", default=())


def remove_incidents(baggage: str) -> str:
    """Return a ``baggage`` header's value without ``shop.chaos`` (https://www.w3.org/TR/baggage/#header-content)."""
    members = (member.strip() for member in baggage.split(","))
    return ",".join(member for member in members if member.split("=", 1)[0].strip() != BAGGAGE_KEY)


def requested_incidents() -> tuple[str, ...]:
    """Return the ids of the current request's incidents."""
    return _incidents.get()


def outgoing_headers() -> dict[str, str]:
    """Return the header for the next hop, if the request has incidents."""
    incidents = _incidents.get()
    return {HEADER: ",".join(incidents)} if incidents else {}


@contextmanager
def use_incidents(header: Callable[[str], str | None]) -> Iterator[None]:
    """Use the incidents of a request or record inside the block. ``header`` returns a header by its name in lower case."""
    members = (member.partition("=") for member in (header("baggage") or "").split(","))
    values = {name.strip(): unquote_plus(value) for name, _, value in members}
    # A member's value may end in properties.
    in_baggage = values.get(BAGGAGE_KEY, "").partition(";")[0].replace("+", " ").split()
    found = [*(header(HEADER) or "").split(","), *in_baggage]
    token = _incidents.set(tuple(dict.fromkeys(filter(None, map(str.strip, found)))))
    try:
        yield
    finally:
        _incidents.reset(token)


def read_requests(app: "Flask") -> None:
    """Let an application read the incidents of every request."""
    inner = app.wsgi_app

    def read(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with use_incidents(lambda name: environ.get(f"HTTP_{name.upper().replace('-', '_')}")):
            return inner(environ, start_response)

    app.wsgi_app = read  # type: ignore[method-assign]
