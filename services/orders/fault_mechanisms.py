"""The cause of a real connect timeout."""

import contextlib
import socket
import threading


class UnreachableAddress:
    """Never accepts a connection, like a host behind a firewall that drops packets: a listening socket with a full backlog."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    @property
    def url(self) -> str:
        """The address as an HTTP base URL."""
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
        for _ in range(4):  # more than the smallest backlog of any system
            filler = socket.socket()
            filler.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
            self._sockets.append(filler)
