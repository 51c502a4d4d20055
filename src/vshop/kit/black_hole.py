"""An address that never accepts a connection: what a firewall that drops packets looks like to a client."""

import contextlib
import socket
import threading


class BlackHole:
    """A listening socket, opened when first asked for, whose backlog is full: every further attempt to connect waits for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    @property
    def url(self) -> str:
        """The address, as an HTTP base URL."""
        with self._lock:
            if not self._sockets:
                self._open()
            host, port = self._sockets[0].getsockname()
        return f"http://{host}:{port}"

    def _open(self) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        self._sockets.append(listener)
        for _ in range(4):  # more than any system's least backlog
            filler = socket.socket()
            filler.setblocking(False)  # noqa: FBT003 - the library's signature
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
            self._sockets.append(filler)
