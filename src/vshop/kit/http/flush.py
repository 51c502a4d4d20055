"""``POST /flush``: a service exports its telemetry, and answers once the receiver has acknowledged it.

A caller that has an order's answer flushes the services and can then read the whole trace, or state that a span is absent:

1. Wait for the requests in progress: their spans and counts are not final yet.
2. Wait for the service's own work, such as unprocessed records.
3. Export spans, log records and metrics.
"""

import threading
import time
from collections.abc import Callable, Container, Iterable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
from flask import Blueprint, Flask, jsonify, request

from vshop.kit.http import json_body
from vshop.kit.http.problems import read_body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


_NOT_AWAITED = ("/flush", "/healthz", "/readyz")


class Export(Protocol):
    """Exports, and returns how many spans and log records the receiver did not acknowledge."""

    def __call__(self, *, metrics: bool) -> int:
        """Export."""


Work = Callable[[dict[int, int] | None, float], int]
"""Waits for a service's own work, up to an offset by partition or (None) everything on the topic now.

Returns how many records are unprocessed at the deadline (monotonic clock).
"""


class _FlushRequest(msgspec.Struct, forbid_unknown_fields=True):
    within: Annotated[float, msgspec.Meta(ge=0, le=60)] = 10.0
    offsets: dict[int, int] | None = None
    traces: list[str] | None = None
    metrics: bool = True


class RequestsInProgress:
    """WSGI middleware that tracks requests. Wrap the instrumented application: then a request ends when its span is final."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._changed = threading.Condition()
        self._running: dict[object, str] = {}  # the trace id of each

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Handle a request."""
        if environ.get("PATH_INFO") in _NOT_AWAITED:
            return self._app(environ, start_response)
        one = object()
        with self._changed:
            # https://www.w3.org/TR/trace-context/#traceparent-header
            self._running[one] = environ.get("HTTP_TRACEPARENT", "")[3:35].lower()
        try:
            return self._app(environ, start_response)
        finally:
            with self._changed:
                del self._running[one]
                self._changed.notify_all()

    def wait(self, deadline: float, traces: Container[str] | None = None) -> int:
        """Wait until requests (of ``traces``) have ended; return how many have not at the deadline (monotonic clock)."""
        with self._changed:
            begun = {one for one, trace_id in self._running.items() if traces is None or trace_id in traces}
            self._changed.wait_for(lambda: not begun & self._running.keys(), max(0.0, deadline - time.monotonic()))
            return len(begun & self._running.keys())


class _SharedExport:
    """Callers that arrive during one export share the next."""

    def __init__(self, export: Callable[[], int]) -> None:
        self._export = export
        self._lock = threading.Lock()
        self._begun = 0
        self._lost = 0

    def run(self) -> int:
        begun_before = self._begun
        with self._lock:
            if self._begun == begun_before:
                self._begun += 1
                self._lost = self._export()
            return self._lost


def install(app: Flask, service: str, export: Export, work: Work | None = None) -> None:
    """Add ``POST /flush`` to an instrumented application."""
    in_progress = RequestsInProgress(app.wsgi_app)
    app.wsgi_app = in_progress  # type: ignore[method-assign]
    exports = {metrics: _SharedExport(partial(export, metrics=metrics)) for metrics in (True, False)}
    api = Blueprint("flush", __name__)

    @api.post("/flush")
    def flush() -> Any:
        began = time.monotonic()
        wanted = _FlushRequest() if json_body.is_blank(request.get_data()) else read_body(_FlushRequest)
        deadline = began + wanted.within
        requests = in_progress.wait(deadline, wanted.traces)
        waiting = work(wanted.offsets, deadline) if work else 0
        lost = exports[wanted.metrics].run()
        return jsonify(
            service=service,
            flushed=not (requests or waiting or lost),
            requests=requests,
            waiting=waiting,
            lost=lost,
            ms=round((time.monotonic() - began) * 1000, 1),
        )

    app.register_blueprint(api)
