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


@functools.cache
def slow_client(endpoint: str, make_client: Callable[[str], Any], delay_s: float) -> Any:
    """Return a DynamoDB client whose responses arrive late, so that every span of an agent below its API takes as long."""
    if endpoint.startswith("http://"):
        return make_client(_start_delaying_proxy(endpoint, delay_s))
    client = make_client(endpoint)  # TLS: a proxy cannot present the server's certificate
    client.meta.events.register_first("before-send.dynamodb", lambda **_: time.sleep(delay_s))
    return client


def _start_delaying_proxy(endpoint: str, delay_s: float) -> str:
    """Start a TCP proxy on loopback that delays responses; return the URL to use instead of the server's."""
    target = urlsplit(endpoint)
    listener = socket.create_server(("127.0.0.1", 0))
    server = (target.hostname or "127.0.0.1", target.port or 80)
    threading.Thread(target=_accept, args=(listener, server, delay_s), name="delaying-proxy", daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _accept(listener: socket.socket, target: tuple[str, int], delay_s: float) -> None:
    while True:
        client, _ = listener.accept()
        try:
            server = socket.create_connection(target, timeout=5)
        except OSError:
            client.close()  # the server is away, so the proxy is too
            continue
        server.settimeout(None)
        requested = threading.Event()
        delay = functools.partial(_delay_first_part, requested, delay_s)
        threading.Thread(target=_forward, args=(client, server, requested.set), daemon=True).start()
        threading.Thread(target=_forward, args=(server, client, delay), daemon=True).start()


def _delay_first_part(requested: threading.Event, delay_s: float) -> None:
    if requested.is_set():
        requested.clear()
        time.sleep(delay_s)


def _forward(source: socket.socket, target: socket.socket, before_part: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):  # either side closed the connection
        while data := source.recv(65536):
            before_part()
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
