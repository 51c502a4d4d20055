"""Whether a part can do its work yet: one attempt each, and what was seen."""

import http.client
import json
import socket
import struct
from collections.abc import Mapping
from typing import NamedTuple

from vshop.runtime.parts import Part

_TIMEOUT_S = 5.0
_API_VERSIONS = 18  # https://kafka.apache.org/protocol#The_Messages_ApiVersions


class Seen(NamedTuple):
    """The outcome of one attempt."""

    ready: bool
    detail: str


def probe(part: Part, ports: Mapping[str, int]) -> Seen:
    """Try a part once.

    Args:
        part: which.
        ports: numbers by the names of the ports.
    """
    try:
        if part.name == "kafka":
            return _kafka(ports["kafka"])
        port = ports[next(iter(part.ports))]
        if part.name == "jaeger":
            return _answers(port, "/api/services")
        return _readyz(port) if part.reads_settings else _answers(port)
    except ConnectionRefusedError:
        return Seen(ready=False, detail="does not listen yet")
    except (OSError, http.client.HTTPException) as error:
        return Seen(ready=False, detail=f"{type(error).__name__}: {error}")


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _answers(port: int, path: str = "/") -> Seen:
    status, _ = _get(port, path)
    return Seen(ready=status < http.client.INTERNAL_SERVER_ERROR, detail=f"answers HTTP {status}")


def _readyz(port: int) -> Seen:
    status, body = _get(port, "/readyz")
    if status == http.client.OK:
        return Seen(ready=True, detail="ready")
    try:
        checks = json.loads(body)["checks"]
        failing = [f"{name}: {check['seen']}" for name, check in checks.items() if not check["ok"]]
        return Seen(ready=False, detail="; ".join(failing) or f"HTTP {status}")
    except (ValueError, KeyError, TypeError, AttributeError):
        return Seen(ready=False, detail=f"GET /readyz: HTTP {status}")


def _kafka(port: int) -> Seen:
    # The port is open long before the broker works; only then does it answer a request.
    client = b"vshop"
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, len(client)) + client
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answer:
            head = answer.read(10)
    if len(head) < 10:
        return Seen(ready=False, detail="closes the connection")
    _, _, error = struct.unpack(">iih", head)
    return Seen(ready=error == 0, detail="answers" if error == 0 else f"answers with error {error}")
