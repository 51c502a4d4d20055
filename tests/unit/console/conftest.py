"""A board that is served over HTTP on a free port, and services that follow it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from console.app import create_app
from console.board import Board
from console.expiry import Expiry
from console.journal import Journal
from console.listed import Listed
from tests.waiting import Eventually
from vshop.kit.chaos import BoardProvider
from vshop.kit.chaos_follower import Follower
from vshop.kit.server import HttpServer
from vshop.runtime import ports

TIMEOUT_S = 10
LISTED = {
    one.id: one
    for one in (
        Listed(id="auth-late", title="Logging in takes long", services=("auth-stub",), by_item=False),
        Listed(id="both-sides", title="Nothing works", services=("orders", "stock-updater")),
        Listed(id="orders-lost", title="Orders get lost", services=("orders",)),
        Listed(id="orders-once", title="One order gets lost", services=("orders",), scope=("request",)),
        Listed(id="stock-sold-out", title="Nothing left", scope=(), trigger='POST /orders {"itemId":9}'),
    )
}

Follow = Callable[..., tuple[BoardProvider, Follower]]


class Console:
    """A console that is served; it can be stopped and started again on its port."""

    def __init__(self, file: Path | None = None, **options: Any) -> None:
        self.port = ports.free(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self._file = file
        self._options = {"ack_timeout_s": 3.0} | options
        self._running = contextlib.ExitStack()
        self.session = requests.Session()
        self.session.trust_env = False
        self.start()

    def start(self) -> None:
        """Build the board anew, from its journal if it has a file, and serve it."""
        self.journal = Journal(self._file)
        self.board = Board(LISTED, self.journal, **self._options)
        server = HttpServer(create_app(self.board, self.journal), "127.0.0.1", self.port, threads=24, drain_s=1)
        self._running.enter_context(server)
        self._running.enter_context(Expiry(self.board))

    def stop(self) -> None:
        """Stop serving."""
        self._running.close()

    def close(self) -> None:
        """Stop serving for good."""
        self.stop()
        self.session.close()

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request."""
        return self.session.request(method, self.url + path, timeout=TIMEOUT_S, **more)

    def put(self, path: str, **more: Any) -> requests.Response:
        """Turn a switch."""
        return self.ask("PUT", f"/chaos/{path}", **more)

    def delete(self, path: str = "") -> requests.Response:
        """Turn a switch, or all, off."""
        return self.ask("DELETE", f"/chaos/{path}".rstrip("/"))

    def on(self) -> set[str]:
        """Return what is on."""
        return {switch["id"] for switch in self.ask("GET", "/chaos").json()["switches"] if switch["on"]}

    def poll(self, context: dict[str, Any] | None = None, **headers: str) -> requests.Response:
        """Ask for all flags once, in a connection of its own."""
        url = f"{self.url}/ofrep/v1/evaluate/flags"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(url, json={"context": context or {}}, headers=named, timeout=TIMEOUT_S)

    def deaf(self, name: str) -> None:
        """Pretend to be an instance that asks once and takes nothing over."""
        assert self.poll({"targetingKey": name}).status_code == 200


@pytest.fixture
def serve() -> Iterator[Callable[..., Console]]:
    """Make consoles: ``serve(file, **options of the board)``."""
    with contextlib.ExitStack() as consoles:

        def make(file: Path | None = None, **options: Any) -> Console:
            console = Console(file, **options)
            consoles.callback(console.close)
            return console

        yield make


@pytest.fixture
def console(serve: Callable[..., Console]) -> Console:
    """A console whose journal is in memory."""
    return serve()


@pytest.fixture(scope="module")
def lonely() -> Iterator[Console]:
    """A console that nobody follows, shared by tests which change nothing."""
    console = Console()
    yield console
    console.close()


@pytest.fixture
def impatient(serve: Callable[..., Console]) -> Console:
    """A console that waits for nobody longer than 0.3 s."""
    return serve(ack_timeout_s=0.3)


@pytest.fixture
def follow(eventually: Eventually) -> Iterator[Follow]:
    """Start followers: ``follow(console, service)``; each is known to the board when it returns."""
    with contextlib.ExitStack() as followers:

        def start(console: Console, service: str, **options: Any) -> tuple[BoardProvider, Follower]:
            provider = BoardProvider()
            follower = followers.enter_context(Follower(provider, console.url, service, **options))
            eventually(lambda: console.board.alive().get(follower.name) == console.board.snapshot().revision)
            return provider, follower

        yield start
