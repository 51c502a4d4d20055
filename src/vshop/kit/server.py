"""Serves a WSGI application until the process is told to stop, and lets requests under way finish.

Cheroot, because it is one process (no fork, so a Kafka producer may be built before it) and drains when stopped.
"""

import contextlib
import io
import logging
import signal
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cheroot.errors import MaxSizeExceeded
from cheroot.server import HTTPConnection
from cheroot.wsgi import Gateway_10, Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024 * 1024  # what any application behind may at most allow


class AddressInUseError(OSError):
    """The address cannot be listened on; the text says which, why, and what to set."""


def stop_event() -> threading.Event:
    """Make an event that SIGTERM and SIGINT set, so that ``__main__`` can wait for the order to stop."""
    event = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: event.set())
    return event


class _Gateway(Gateway_10):
    """Reads a chunked body before the application is asked, and hands it on as one of known length.

    Werkzeug cuts a chunked body at the application's limit in silence instead of refusing it, and Cheroot takes what was
    left unread for the connection's next request.
    """

    def respond(self) -> None:
        """Answer the request."""
        length = self.env.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal():  # Cheroot takes -1, and then waits for the connection's end
            self.req.close_connection = True
            self.req.simple_response("400 Bad Request", "Malformed Content-Length Header.")
            return
        if self.req.chunked_read:
            self.req.close_connection = True
            try:
                body = self.req.rfile.read()
            except (ValueError, OSError, MaxSizeExceeded) as error:
                self.req.simple_response("413 Content Too Large" if "Too Large" in str(error) else "400 Bad Request", str(error))
                return
            for name in ("HTTP_TRANSFER_ENCODING", "wsgi.input_terminated"):
                self.env.pop(name, None)
            self.env |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        super().respond()


class _Connection(HTTPConnection):
    """Gives up an answer that its client did not wait for, at once.

    Cheroot leaves it to the garbage collector, which tries to send it once more; Python 3.13 reports that on stderr.
    """

    def close(self) -> None:
        """Close it."""
        super().close()
        with contextlib.suppress(OSError):
            self.wfile.close()


class HttpServer:
    """A threaded HTTP server as a context manager: listening inside the block, drained when it is left."""

    def __init__(self, app: "WSGIApplication", host: str, port: int, *, threads: int = 16, drain_s: int = 5) -> None:
        """Prepare a server; nothing listens yet.

        Args:
            app: the WSGI application.
            host: address to listen on.
            port: port to listen on.
            threads: requests handled at the same time.
            drain_s: seconds that requests under way get to finish when the server is stopped.
        """
        self._server = Server(
            (host, port), app, numthreads=threads, server_name="vshop", shutdown_timeout=drain_s, request_queue_size=256
        )
        self._server.gateway = _Gateway
        self._server.ConnectionClass = _Connection
        self._server.max_request_body_size = MAX_BODY_BYTES
        self._server.error_log = _log_server_error  # type: ignore[method-assign]
        self._address = f"{host}:{port}"
        self._thread = threading.Thread(target=self._server.serve, name=f"http-{port}", daemon=True)

    def __enter__(self) -> Self:
        """Listen and serve in the background.

        Raises:
            AddressInUseError: the address is taken, or is not this machine's.
        """
        try:
            self._server.prepare()
        except OSError as error:
            message = (
                f"Cannot listen on {self._address}: {error}. Stop what uses it, or set another port (`vshop settings` lists them)."
            )
            raise AddressInUseError(message) from error
        self._thread.start()
        log.info("listening on http://%s", self._address)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop accepting, let the requests under way finish, and close."""
        self._server.stop()
        self._thread.join(timeout=1)


def _log_server_error(msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: FBT001, FBT002 - Cheroot's signature
    log.log(level, msg.strip(), exc_info=traceback)
