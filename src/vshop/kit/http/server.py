"""Serves a WSGI application, lets requests in progress finish before it stops, and runs a service's ``main()``.

Waitress does not fork, so a Kafka producer may be built before it. One thread reads and writes all connections, so a slow or
silent client holds no thread (docs/adr/0010-waitress.md).
"""

import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from waitress import wasyncore
from waitress.server import create_server

from vshop.kit.settings import SettingsError
from vshop.kit.telemetry.modes import start_as_configured

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

IDLE_TIMEOUT_S = 10
"""For an idle connection, or a request that stops arriving."""
MAX_BODY_BYTES = 64 * 1024 * 1024  # upper bound for the applications' own limits
_MAX_HEADER_BYTES = 64 * 1024
_FLUSH_S = 1.0


class AddressInUseError(OSError):
    """The server cannot listen on its address."""


def stop_event() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: event.set())
    return event


def run_service(main: Callable[[], None], service: str = "") -> NoReturn:
    """Run ``main`` and exit: with 0, or with 1 and a one-line reason if a setting is invalid or a port is in use.

    ``service`` is its name if an agent may instrument it (``SHOP_TELEMETRY``).
    """
    try:
        start_as_configured(service)
        main()
    except (SettingsError, AddressInUseError) as error:
        sys.exit(str(error))
    sys.exit(0)


class HttpServer:
    """A threaded HTTP server as a context manager: listening inside the block, drained after it."""

    def __init__(
        self, app: "WSGIApplication", host: str, port: int, *, threads: int = 16, drain_s: int = 5, notice_disconnects: bool = False
    ) -> None:
        """Prepare the server. Port 0 is a free one.

        ``drain_s``: seconds to wait for requests in progress at the stop. ``notice_disconnects``: whether
        ``waitress.client_disconnected`` works; a client that closes only its sending side then counts as disconnected.
        """
        self.port = port
        self._host = host
        self._drain_s = drain_s
        self._app = app
        self._options = {
            "threads": threads,
            "ident": "vshop",
            "server_name": "localhost",
            "backlog": 256,
            "connection_limit": 4096,
            "channel_timeout": IDLE_TIMEOUT_S,
            "cleanup_interval": IDLE_TIMEOUT_S // 2,
            "channel_request_lookahead": int(notice_disconnects),
            "max_request_header_size": _MAX_HEADER_BYTES,
            "max_request_body_size": MAX_BODY_BYTES,
            "recv_bytes": 65536,
            "log_socket_errors": False,  # clients may leave at any time
            "clear_untrusted_proxy_headers": False,
        }
        self._connections: dict[int, Any] = {}
        self._stopping, self._drained, self._may_close = threading.Event(), threading.Event(), threading.Event()
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # requests may wait for a thread

    def __enter__(self) -> Self:
        """Listen. Raises AddressInUseError, also for an address of another machine."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            listener = socket.create_server((self._host, self.port), family=family, backlog=256)
        except OSError as error:
            message = (
                f"Cannot listen on {self._host}:{self.port}: {error}. Stop what uses it, or set another port "
                "(`vshop settings` lists them)."
            )
            raise AddressInUseError(message) from error
        self.port = listener.getsockname()[1]
        self._server = create_server(self._app, map=self._connections, sockets=[listener], **self._options)
        self._thread = threading.Thread(target=self._serve, name=f"http-{self.port}", daemon=True)
        self._thread.start()
        log.info("listening on http://%s:%d", self._host, self.port)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # The thread of the connections sets the events, because it closes the trigger once both are set.
        self._server.trigger.pull_trigger(self._stopping.set)
        self._server.task_dispatcher.shutdown(timeout=self._drain_s)
        self._server.trigger.pull_trigger(self._drained.set)
        self._may_close.set()  # only now: the trigger runs the function before it writes to its pipe
        self._thread.join(timeout=_FLUSH_S + 1)

    def _serve(self) -> None:
        self._loop_until(self._stopping.is_set)
        wasyncore.dispatcher.close(self._server)  # only the listening socket: the server's own close() would end the loop
        for channel in self._server.active_channels.values():
            channel.close_when_flushed = not channel.requests
        self._loop_until(self._drained.is_set)
        deadline = time.monotonic() + _FLUSH_S
        self._loop_until(lambda: time.monotonic() > deadline or not self._has_output())
        self._may_close.wait(_FLUSH_S)
        wasyncore.close_all(self._connections)

    def _loop_until(self, is_done: Callable[[], bool]) -> None:
        while not is_done():
            wasyncore.loop(timeout=1, use_poll=True, map=self._connections, count=1)

    def _has_output(self) -> bool:
        return any(channel.total_outbufs_len for channel in self._server.active_channels.values())
