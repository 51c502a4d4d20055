"""Whether the client of a request that is being held has gone. WSGI has no word for it, so Cheroot's socket is looked at."""

import select
import socket
from collections.abc import Mapping
from typing import Any

from console.followers import HungUp


def hung_up(environ: Mapping[str, Any]) -> HungUp:
    """Return what tells whether the client has hung up; under another server than Cheroot it never has.

    Args:
        environ: the request's WSGI environment.
    """
    stream: Any = environ.get("wsgi.input")
    while hasattr(stream, "rfile"):
        stream = stream.rfile
    connection = getattr(getattr(stream, "raw", None), "_sock", None)
    return lambda: isinstance(connection, socket.socket) and _at_end(connection)


def _at_end(connection: socket.socket) -> bool:
    try:
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        # At its end a connection is readable and holds nothing; peeking leaves what it may hold to the next request.
        return bool(poll.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True
