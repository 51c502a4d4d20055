"""Carries a request's incidents through the shop in a separate header, because an agent may leave out baggage."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from flask import Flask
from opentelemetry.baggage import get_baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context

from vshop.kit.chaos.baggage import BAGGAGE_KEY, HEADER

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_incidents: ContextVar[tuple[str, ...]] = ContextVar("incidents", default=())


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
    token = _incidents.set(_read(header))
    try:
        yield
    finally:
        _incidents.reset(token)


def _read(header: Callable[[str], str | None]) -> tuple[str, ...]:
    found = (header(HEADER) or "").split(",")
    baggage = header("baggage") or ""
    if BAGGAGE_KEY in baggage:
        # The propagator decodes `+` as a space. The value may end in properties of W3C Baggage.
        value = get_baggage(BAGGAGE_KEY, W3CBaggagePropagator().extract({"baggage": baggage}, Context()))
        found += str(value or "").partition(";")[0].replace("+", " ").split()
    return tuple(dict.fromkeys(filter(None, map(str.strip, found))))


def read_requests(app: Flask) -> None:
    """Let an application read the incidents of every request."""
    inner = app.wsgi_app

    def read(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with use_incidents(lambda name: environ.get(f"HTTP_{name.upper().replace('-', '_')}")):
            return inner(environ, start_response)

    app.wsgi_app = read  # type: ignore[method-assign]
