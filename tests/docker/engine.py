"""Finds out whether a container engine answers, before docker-py is used.

docker-py leaves its socket open when the engine does not answer, and an open socket is an error in these tests.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import urlsplit

DEFAULT = "unix:///var/run/docker.sock"
_PING = b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n"
_MOST_BYTES = 4096


def problem(env: Mapping[str, str] = os.environ, timeout_s: float = 5.0) -> str | None:
    """Return why no engine can be used, or None when one answers."""
    host = env.get("DOCKER_HOST") or DEFAULT
    scheme = urlsplit(host).scheme
    if scheme not in {"unix", "tcp", "http", "https"}:
        return f"the tests cannot reach an engine at {host}"
    try:
        with closing(_connect(host, timeout_s)) as connection:
            if env.get("DOCKER_TLS_VERIFY") or scheme == "https":
                return None  # only docker-py has the certificates to ask further
            connection.sendall(_PING)
            answer = _read(connection)
    except (OSError, ValueError) as error:
        return f"no engine answers at {host}: {error}"
    status, _, headers = answer.partition(b"\r\n")
    if b" 200 " not in status + b" " or b"api-version:" not in headers.lower():
        return f"what answers at {host} is not a container engine"
    return None


def _connect(host: str, timeout_s: float) -> socket.socket:
    parts = urlsplit(host)
    if parts.scheme != "unix":
        return socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 2375), timeout_s)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout_s)
    try:
        connection.connect(parts.path)
    except OSError:
        connection.close()
        raise
    return connection


def _read(connection: socket.socket) -> bytes:
    answer = b""
    while len(answer) < _MOST_BYTES and (piece := connection.recv(_MOST_BYTES)):
        answer += piece
    return answer
