import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from openfeature import api

from vshop.kit.chaos.follower import Follower, follow
from vshop.kit.chaos.switches import BoardProvider, Switch
from vshop.kit.settings import Settings


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.status, self.body, self.etag = 200, b'{"flags": []}', '"1"'
        self.asked: list[tuple[str, dict[str, str], dict]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
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
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join(5)


@pytest.fixture
def provider() -> BoardProvider:
    return BoardProvider()


@contextmanager
def following(*given, **options) -> Iterator[Follower]:
    follower = Follower(*given, **options).start()
    try:
        yield follower
    finally:
        follower.stop()


def flags(*some: dict) -> bytes:
    return json.dumps({"flags": list(some)}).encode()


def test_poll_request(server, provider, eventually) -> None:
    with following(provider, f"{server.url}/behind/", "orders", wait_s=0) as follower:
        eventually(lambda: len(server.asked) > 1)
    (path, first, body), (_, second, _) = server.asked[:2]
    assert path == "/behind/ofrep/v1/evaluate/flags"
    assert body == {"context": {"targetingKey": follower.name}}
    assert follower.name.startswith("orders/")
    assert "If-None-Match" not in first
    assert (second["If-None-Match"], second["Prefer"]) == ('"1"', "wait=0")


def test_flags_of_another_server(server, provider, eventually) -> None:
    """Without the board's metadata the flag's value counts; flags of other types are left out."""
    server.body = flags(
        {"key": "orders-lost", "value": True}, {"key": "banner", "value": "red"}, {"key": "auth-late", "value": False}
    )
    with following(provider, server.url, "orders"):
        assert provider.switches == {"orders-lost": Switch(on=True)}


def test_flags_of_the_board(server, provider) -> None:
    metadata = {"switched": True, "probability": 0.5, "items": "1,2", "until": 4e9}
    server.body = flags({"key": "orders-lost", "value": False, "metadata": metadata})
    with following(provider, server.url, "orders"):
        assert provider.switches == {"orders-lost": Switch(on=True, probability=0.5, items=(1, 2), until=4e9)}


@pytest.mark.parametrize("etag", ['"1"', ""])
def test_a_server_without_long_polling_is_polled_once_a_second(server, provider, eventually, etag) -> None:
    server.etag = etag
    with following(provider, server.url, "orders"):
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
def test_an_invalid_response_changes_nothing(server, provider, eventually, status, body) -> None:
    server.body = flags({"key": "orders-lost", "value": True})
    with following(provider, server.url, "orders", wait_s=0):
        server.etag, server.status, server.body = '"2"', status, body
        asked = len(server.asked)
        eventually(lambda: len(server.asked) > asked + 2)
        assert provider.switches == {"orders-lost": Switch(on=True)}


@pytest.mark.timing
def test_an_unreachable_board_delays_neither_start_nor_stop(provider, budget) -> None:
    with Server() as server:
        url = server.url
    began = time.monotonic()
    with following(provider, url, "orders"):
        pass
    assert time.monotonic() - began < budget(1)
    assert provider.switches == {}


@pytest.mark.parametrize(("met", "warnings"), [(False, 0), (True, 1)])
def test_only_a_board_that_was_there_is_missed(server, provider, eventually, caplog, met, warnings) -> None:
    """Before the first response, the board may still be starting."""
    server.status = 200 if met else 503
    with following(provider, server.url, "orders", wait_s=0, patience_s=0.0):
        server.status = 503
        seen = len(server.asked)
        eventually(lambda: len(server.asked) >= seen + 3)

    assert [record.levelname for record in caplog.records] == ["WARNING"] * warnings


def test_without_an_address_nothing_is_followed(provider) -> None:
    chaos, follower = follow(Settings(console_url=""), "orders")
    try:
        assert not follower._thread.is_alive()
        assert not chaos.on("orders-lost")
    finally:
        follower.stop()
        api.clear_providers()


def test_follow_applies_the_switches_before_it_returns(server) -> None:
    server.body = flags({"key": "orders-lost", "value": True})
    chaos, follower = follow(Settings(console_url=server.url), "orders")
    try:
        assert chaos.on("orders-lost")
        assert api.get_provider_metadata().name == "vshop-chaos-board"
    finally:
        follower.stop()
        api.clear_providers()
