"""Follows the chaos board: a thread that long-polls OFREP's bulk evaluation and updates the service's switches.

A poll names the instance (``Vshop-Follower: <service>/<instance>``) and, in ``If-None-Match``, the revision that it has
applied. The board holds the poll (``Prefer: wait``, RFC 7240) until there is a new revision. A server without long polling
is polled once a second. The requests leave no spans, because no instrumentation wraps ``http.client``.
https://github.com/open-feature/protocol · https://www.rfc-editor.org/rfc/rfc7240
"""

import contextlib
import http.client
import logging
import socket
import threading
import time
import uuid
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
from openfeature import api

from vshop.kit.chaos.switches import BoardProvider, Chaos, Switch
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)

FOLLOWER_HEADER = "Vshop-Follower"
"""Registers the poll of a service's instance. Other OFREP clients do not send it."""

_PATH = "/ofrep/v1/evaluate/flags"
_CONNECT_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 1.0  # shorter than the board waits for acknowledgements
_SHORT_POLL_S = 1.0
_STARTING_S = 30.0
"""No warning for so long: the board may start together with the service."""


class BoardAwayError(Exception):
    """The board stopped, or the server is not a chaos board."""


class _Flag(msgspec.Struct):
    key: str
    value: Any = None
    metadata: dict[str, Any] = {}

    def switch(self) -> Switch:
        until = self.metadata.get("until")
        return Switch(
            on=self.metadata.get("switched", self.value) is True,
            probability=float(self.metadata.get("probability", 1.0)),
            items=tuple(int(item) for item in str(self.metadata.get("items", "")).split(",") if item),
            until=None if until is None else float(until),
        )


class _Bulk(msgspec.Struct):
    flags: list[_Flag]


class Follower:
    """Follows the board. While it is away, its last state applies."""

    def __init__(
        self, provider: BoardProvider, console_url: str, service: str, *, wait_s: int = 20, patience_s: float = 5.0
    ) -> None:
        """Prepare the follower. ``console_url`` may be empty: follow nothing.

        ``wait_s``: how long the board may hold a poll. ``patience_s``: how long it may be away without a warning.
        """
        self._provider = provider
        self._url = urlsplit(console_url)
        self.name = f"{service}/{socket.gethostname()}-{uuid.uuid4().hex[:6]}"
        """The name under which the board lists this instance, unique for every process."""
        self._wait_s = wait_s
        self._patience_s = patience_s
        self._etag = ""
        self._connection: http.client.HTTPConnection | None = None
        self._stopping = threading.Event()
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-follower", daemon=True)

    def start(self, patience_s: float = 1.0) -> Self:
        """Start to follow. If the first poll succeeds within ``patience_s``, its switches apply before this returns."""
        if self._url.netloc:
            self._thread.start()
            self._tried.wait(patience_s)
        return self

    def stop(self) -> None:
        """Stop and close the connection, so that the board knows at once. The switches stay."""
        self._stopping.set()
        deadline = time.monotonic() + 1.0
        while self._thread.is_alive() and time.monotonic() < deadline:
            if self._connection and self._connection.sock:
                with contextlib.suppress(OSError):
                    self._connection.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
            self._thread.join(0.05)

    def _run(self) -> None:
        pause, lost_at, logged = _FIRST_PAUSE_S, 0.0, False
        patience_s = max(self._patience_s, _STARTING_S)
        while not self._stopping.is_set():
            try:
                self._poll()
            except (OSError, http.client.HTTPException, msgspec.MsgspecError, ValueError, TypeError, BoardAwayError) as error:
                self._close()
                self._tried.set()
                lost_at = lost_at or time.monotonic()
                if not logged and not self._stopping.is_set() and time.monotonic() - lost_at >= patience_s:
                    log.warning("the chaos board is away, its last state applies: %s: %s", type(error).__name__, error)
                    logged = True
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                if logged:
                    log.info("the chaos board is back")
                self._tried.set()
                pause, lost_at, logged = _FIRST_PAUSE_S, 0.0, False
                patience_s = self._patience_s
        self._close()

    def _poll(self) -> None:
        started, known = time.monotonic(), self._etag
        status, etag, body = self._request()
        if status == http.client.OK:
            flags = msgspec.json.decode(body, type=_Bulk).flags
            self._provider.replace({flag.key: flag.switch() for flag in flags})
            self._etag = etag
        elif status != http.client.NOT_MODIFIED:
            raise BoardAwayError(f"HTTP {status}")
        if self._etag == known:
            self._stopping.wait(max(0.0, min(_SHORT_POLL_S, self._wait_s) - (time.monotonic() - started)))

    def _request(self) -> tuple[int, str, bytes]:
        connection = self._connection or self._connect()
        headers = {"Content-Type": "application/json", "Prefer": f"wait={self._wait_s}", FOLLOWER_HEADER: self.name}
        if self._etag:
            headers["If-None-Match"] = self._etag
        body = msgspec.json.encode({"context": {"targetingKey": self.name}})
        connection.request("POST", self._url.path.rstrip("/") + _PATH, body, headers)
        response = connection.getresponse()
        return response.status, response.getheader("ETag", ""), response.read()

    def _connect(self) -> http.client.HTTPConnection:
        make = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = make(self._url.hostname or "", self._url.port, timeout=_CONNECT_S)
        connection.connect()
        connection.sock.settimeout(self._wait_s + 5.0)
        self._connection = connection
        if self._stopping.is_set():
            raise BoardAwayError("the follower was stopped")
        return connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def follow(settings: Settings, service: str) -> tuple[Chaos, Follower]:
    """Make the board the OpenFeature provider of this process and start to follow it.

    Returns the switches for the chaos sites, and the follower to stop at the end.
    """
    provider = BoardProvider()
    api.set_provider_and_wait(provider)
    chaos = Chaos(api.get_client(), provider, reveal=settings.reveal_chaos)
    return chaos, Follower(provider, settings.console_url, service).start()
