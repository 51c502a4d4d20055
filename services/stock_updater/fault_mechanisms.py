"""Causes of real failures: a competing writer, and a slow network to DynamoDB."""

import contextlib
import functools
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.instrumentation.utils import suppress_instrumentation


def write_as_competitor(client: Any, table: str, item_id: str) -> None:
    """Increment the item's version, without spans, as another program would: a write on the old one is refused."""
    with suppress_instrumentation():
        client.update_item(
            TableName=table,
            Key={"id": {"S": item_id}},
            UpdateExpression="ADD version :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )


def slow_client(endpoint: str, make_client: Callable[[str], Any], delay_s: float) -> Any:
    """Return a DynamoDB client whose responses arrive late, so that every span of an agent below its API takes as long."""
    if endpoint.startswith("http://"):
        return make_client(DelayingProxy(endpoint, delay_s).url)
    client = make_client(endpoint)  # TLS: a proxy cannot present the server's certificate
    client.meta.events.register_first("before-send.dynamodb", lambda **_: time.sleep(delay_s))
    return client


class DelayingProxy:
    """A TCP proxy on loopback that delays responses."""

    def __init__(self, endpoint: str, delay_s: float) -> None:
        """It listens on the first use of ``url``."""
        target = urlsplit(endpoint)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self._delay_s = delay_s

    @functools.cached_property
    def url(self) -> str:
        """The address to use instead of the server's."""
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, args=(listener,), name="delaying-proxy", daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()  # the server is away, so the proxy is too
                continue
            server.settimeout(None)
            requested = threading.Event()
            threading.Thread(target=_forward_requests, args=(client, server, requested), daemon=True).start()
            threading.Thread(target=_forward_responses, args=(server, client, requested, self._delay_s), daemon=True).start()


def _forward_requests(client: socket.socket, server: socket.socket, requested: threading.Event) -> None:
    with contextlib.suppress(OSError):  # either side closed the connection
        while data := client.recv(65536):
            requested.set()
            server.sendall(data)
    _close(client, server)


def _forward_responses(server: socket.socket, client: socket.socket, requested: threading.Event, delay_s: float) -> None:
    with contextlib.suppress(OSError):
        while data := server.recv(65536):
            if requested.is_set():  # delay the first part of a response only
                requested.clear()
                time.sleep(delay_s)
            client.sendall(data)
    _close(client, server)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
