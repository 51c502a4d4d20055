"""Keeps a service's switches the same as the chaos board's: a thread that long-polls OFREP's bulk evaluation.

The poll says who asks (``targetingKey`` "<service>/<instance>") and, by ``If-None-Match``, which revision it has taken over; the
board holds it (``Prefer: wait``, RFC 7240) until there is another. A server that knows neither is asked once a second.
The calls leave no spans: ``http.client`` is wrapped by no instrumentation.
https://github.com/open-feature/protocol · https://www.rfc-editor.org/rfc/rfc7240
"""

import contextlib
import http.client
import logging
import socket
import threading
import time
import uuid
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
from openfeature import api

from vshop.kit.chaos import BoardProvider, Chaos, Switch
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)

_PATH = "/ofrep/v1/evaluate/flags"
_CONNECT_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 1.0  # shorter than the board waits for acknowledgements
_SHORT_POLL_S = 1.0


class BoardAwayError(Exception):
    """What answered is no chaos board, or one that is about to stop."""


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
    """Follows the board from ``start`` to ``stop``, or inside a ``with`` block; while the board is away its last word holds."""

    def __init__(
        self, provider: BoardProvider, console_url: str, service: str, *, wait_s: int = 20, patience_s: float = 5.0
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            provider: whose switches are replaced.
            console_url: base URL of the board; empty for none, then nothing is followed.
            service: the service's name as the incidents call it.
            wait_s: how long the board may hold a poll.
            patience_s: how long the board may be away before a line is logged.
        """
        self._provider = provider
        self._url = urlsplit(console_url)
        self.name = f"{service}/{socket.gethostname()}-{uuid.uuid4().hex[:6]}"
        """How the board lists this instance; another one for every process."""
        self._wait_s = wait_s
        self._patience_s = patience_s
        self._etag = ""
        self._connection: http.client.HTTPConnection | None = None
        self._stopping = threading.Event()
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-follower", daemon=True)

    def start(self, patience_s: float = 1.0) -> Self:
        """Begin to follow; where the board can be reached, its switches are taken over before this returns.

        Args:
            patience_s: how long the board's first answer, or the failure to get one, is waited for.
        """
        if self._url.netloc:
            self._thread.start()
            self._tried.wait(patience_s)
        return self

    def stop(self) -> None:
        """Stop following and hang up, so that the board knows at once. The switches stay as they are."""
        self._stopping.set()
        deadline = time.monotonic() + 1.0
        while self._thread.is_alive() and time.monotonic() < deadline:
            if self._connection and self._connection.sock:
                with contextlib.suppress(OSError):
                    self._connection.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
            self._thread.join(0.05)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> None:
        pause, lost_at, told = _FIRST_PAUSE_S, 0.0, False
        while not self._stopping.is_set():
            try:
                self._poll()
            except (OSError, http.client.HTTPException, msgspec.MsgspecError, ValueError, TypeError, BoardAwayError) as error:
                self._hang_up()
                self._tried.set()
                lost_at = lost_at or time.monotonic()
                if not told and not self._stopping.is_set() and time.monotonic() - lost_at >= self._patience_s:
                    log.warning("the chaos board is away, its last word holds: %s: %s", type(error).__name__, error)
                    told = True
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                if told:
                    log.info("the chaos board is back")
                self._tried.set()
                pause, lost_at, told = _FIRST_PAUSE_S, 0.0, False
        self._hang_up()

    def _poll(self) -> None:
        """Ask once; take over what is new. Answers that come without having been held are not asked for in a hurry."""
        asked_at, known = time.monotonic(), self._etag
        status, etag, body = self._ask()
        if status == http.client.OK:
            flags = msgspec.json.decode(body, type=_Bulk).flags
            self._provider.replace({flag.key: flag.switch() for flag in flags})
            self._etag = etag
        elif status != http.client.NOT_MODIFIED:
            raise BoardAwayError(f"HTTP {status}")
        if self._etag == known:
            self._stopping.wait(max(0.0, min(_SHORT_POLL_S, self._wait_s) - (time.monotonic() - asked_at)))

    def _ask(self) -> tuple[int, str, bytes]:
        connection = self._connection or self._dial()
        headers = {"Content-Type": "application/json", "Prefer": f"wait={self._wait_s}"}
        if self._etag:
            headers["If-None-Match"] = self._etag
        body = msgspec.json.encode({"context": {"targetingKey": self.name}})
        connection.request("POST", self._url.path.rstrip("/") + _PATH, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("ETag", ""), answer.read()

    def _dial(self) -> http.client.HTTPConnection:
        make = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = make(self._url.hostname or "", self._url.port, timeout=_CONNECT_S)
        connection.connect()
        connection.sock.settimeout(self._wait_s + 5.0)
        self._connection = connection
        if self._stopping.is_set():
            raise BoardAwayError("not asked any more")
        return connection

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def follow(settings: Settings, service: str) -> tuple[Chaos, Follower]:
    """Make the board OpenFeature's provider in this process and begin to follow it.

    Args:
        settings: ``console_url`` and ``reveal_chaos`` are read.
        service: the service's name as the incidents call it.

    Returns:
        What the chaos sites ask, and the follower, to be stopped at the end.
    """
    provider = BoardProvider()
    api.set_provider_and_wait(provider)
    chaos = Chaos(api.get_client(), provider, reveal=settings.reveal_chaos)
    return chaos, Follower(provider, settings.console_url, service).start()
