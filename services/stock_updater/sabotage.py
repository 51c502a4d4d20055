"""What some incidents need to be real: a rival writer, and a slow way to DynamoDB; nothing here runs unless one asks for it."""

import contextlib
import functools
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.instrumentation.utils import suppress_instrumentation


class Rival:
    """Another writer of the same table, a moment faster than ours. It is another program: its calls are not in our traces."""

    def __init__(self, client: Any, table: str) -> None:
        """Args: client: a DynamoDB client. table: the table's name."""
        self._client = client
        self._table = table

    def write(self, item_id: str) -> None:
        """Change the item's version, and nothing else."""
        with suppress_instrumentation():
            self._client.update_item(
                TableName=self._table,
                Key={"id": {"S": item_id}},
                UpdateExpression="ADD version :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )


class Detour:
    """DynamoDB clients whose way leads through a delaying proxy, made when first asked for."""

    def __init__(self, endpoint: str, make_client: Callable[[str], Any]) -> None:
        """Args: endpoint: DynamoDB's address; empty for Amazon's own. make_client: makes a client for an address."""
        self._endpoint = endpoint
        self._make_client = make_client
        self._clients: dict[float, Any] = {}

    def client(self, delay_s: float) -> Any:
        """Return a client whose answers are late by so many seconds."""
        if delay_s not in self._clients:
            self._clients[delay_s] = self._late(delay_s)
        return self._clients[delay_s]

    def _late(self, delay_s: float) -> Any:
        if self._endpoint.startswith("http://"):
            return self._make_client(DelayingProxy(self._endpoint, delay_s).url)
        client = self._make_client(self._endpoint)  # by TLS: nothing in between can show the server's certificate
        client.meta.events.register_first("before-send.dynamodb", lambda **_: time.sleep(delay_s))
        return client


class DelayingProxy:
    """A TCP proxy on loopback whose answers come late: the network between a service and its database."""

    def __init__(self, endpoint: str, delay_s: float) -> None:
        """Prepare it; it listens from the first time ``url`` is asked for.

        Args:
            endpoint: HTTP address of the server behind.
            delay_s: seconds by which each answer is late.
        """
        target = urlsplit(endpoint)
        self._target = (target.hostname or "127.0.0.1", target.port or 80)
        self._delay_s = delay_s

    @functools.cached_property
    def url(self) -> str:
        """The address to use instead of the server's own."""
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, args=(listener,), name="delaying-proxy", daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()  # the server behind is away: so are we
                continue
            server.settimeout(None)
            asked = threading.Event()
            threading.Thread(target=_requests, args=(client, server, asked), daemon=True).start()
            threading.Thread(target=_answers, args=(server, client, asked, self._delay_s), daemon=True).start()


def _requests(client: socket.socket, server: socket.socket, asked: threading.Event) -> None:
    with contextlib.suppress(OSError):  # either side hung up
        while data := client.recv(65536):
            asked.set()
            server.sendall(data)
    _hang_up(client, server)


def _answers(server: socket.socket, client: socket.socket, asked: threading.Event, delay_s: float) -> None:
    with contextlib.suppress(OSError):
        while data := server.recv(65536):
            if asked.is_set():  # the first piece of an answer is late; the others follow at once
                asked.clear()
                time.sleep(delay_s)
            client.sendall(data)
    _hang_up(client, server)


def _hang_up(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
