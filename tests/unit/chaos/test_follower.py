"""How a follower talks to what it follows: servers that are no chaos board, and none at all."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from openfeature import api

from vshop.kit.chaos import BoardProvider, Switch
from vshop.kit.chaos_follower import Follower, follow
from vshop.kit.settings import Settings


class Server(ThreadingHTTPServer):
    """Answers every poll at once with what ``answers`` says; keeps what was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.status, self.body, self.etag = 200, b'{"flags": []}', '"1"'
        self.asked: list[tuple[str, dict[str, str], dict]] = []


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """Answer a poll."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that is up."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join(5)


@pytest.fixture
def provider() -> BoardProvider:
    """Nothing on yet."""
    return BoardProvider()


def flags(*some: dict) -> bytes:
    """Make a bulk answer."""
    return json.dumps({"flags": list(some)}).encode()


def test_what_is_asked(server, provider, eventually) -> None:
    """A poll is OFREP's bulk evaluation; from the second on it says what is known and that it would wait."""
    with Follower(provider, f"{server.url}/behind/", "orders", wait_s=0) as follower:
        eventually(lambda: len(server.asked) > 1)
    (path, first, body), (_, second, _) = server.asked[:2]
    assert path == "/behind/ofrep/v1/evaluate/flags"
    assert body == {"context": {"targetingKey": follower.name}}
    assert follower.name.startswith("orders/")
    assert "If-None-Match" not in first
    assert (second["If-None-Match"], second["Prefer"]) == ('"1"', "wait=0")


def test_another_servers_flags(server, provider, eventually) -> None:
    """Flags of a server that knows nothing of ours are taken by their value; other types are left out."""
    server.body = flags(
        {"key": "orders-lost", "value": True}, {"key": "banner", "value": "red"}, {"key": "auth-late", "value": False}
    )
    with Follower(provider, server.url, "orders"):
        assert provider.switches == {"orders-lost": Switch(on=True)}


def test_flags_of_the_board(server, provider) -> None:
    """What the board puts into the metadata makes the switch; its value is for who cannot read them."""
    metadata = {"switched": True, "probability": 0.5, "items": "1,2", "until": 4e9}
    server.body = flags({"key": "orders-lost", "value": False, "metadata": metadata})
    with Follower(provider, server.url, "orders"):
        assert provider.switches == {"orders-lost": Switch(on=True, probability=0.5, items=(1, 2), until=4e9)}


@pytest.mark.parametrize("etag", ['"1"', ""])
def test_server_that_holds_no_poll(server, provider, eventually, etag) -> None:
    """A server that answers at once is asked once a second, not in a hurry."""
    server.etag = etag
    with Follower(provider, server.url, "orders"):
        began = time.monotonic()
        eventually(lambda: len(server.asked) == 3)
        assert time.monotonic() - began > 0.8


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"{}"),
        (404, b"no board here"),
        (200, b"<html>"),
        (200, b'{"flags": 1}'),
        (200, flags({"key": "a", "metadata": {"items": "x"}})),
    ],
)
def test_nonsense(server, provider, eventually, status, body) -> None:
    """Whatever else comes changes nothing, and is asked for again."""
    server.body = flags({"key": "orders-lost", "value": True})
    with Follower(provider, server.url, "orders", wait_s=0):
        server.etag, server.status, server.body = '"2"', status, body
        asked = len(server.asked)
        eventually(lambda: len(server.asked) > asked + 2)
        assert provider.switches == {"orders-lost": Switch(on=True)}


def test_nobody_there(provider) -> None:
    """Where nothing listens a service starts without waiting, and stops without waiting."""
    with Server() as server:
        url = server.url
    began = time.monotonic()
    with Follower(provider, url, "orders"):
        pass
    assert time.monotonic() - began < 1
    assert provider.switches == {}


def test_no_board(provider) -> None:
    """Without an address nothing is followed."""
    chaos, follower = follow(Settings(console_url=""), "orders")
    try:
        assert not follower._thread.is_alive()
        assert not chaos.on("orders-lost")
    finally:
        follower.stop()
        api.clear_providers()


def test_follow(server) -> None:
    """One call sets everything up: what is on at the start is on for the first request."""
    server.body = flags({"key": "orders-lost", "value": True})
    chaos, follower = follow(Settings(console_url=server.url), "orders")
    try:
        assert chaos.on("orders-lost")
        assert api.get_provider_metadata().name == "vshop-chaos-board"
    finally:
        follower.stop()
        api.clear_providers()
