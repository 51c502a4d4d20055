import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from console.app import create_app
from console.board.board import Board, expiring
from console.board.journal import Journal
from tests.waiting import Eventually
from vshop.incidents.incident import OrderRequest, Switch
from vshop.kit.chaos.follower import Follower
from vshop.kit.chaos.switches import BoardProvider
from vshop.kit.http.server import HttpServer
from vshop.runtime.model import ports

TIMEOUT_S = 10


def _incident(title: str, *services: str, order: OrderRequest | None = None, **switch: Any) -> SimpleNamespace:
    """What the board reads of an incident."""
    steps = [SimpleNamespace(order=order)]
    return SimpleNamespace(
        title=title, switch=Switch(services=list(services), **switch) if services else None, trigger=SimpleNamespace(steps=steps)
    )


CATALOGUE: Any = {
    "auth-late": _incident("Logging in takes long", "auth-stub", items=False),
    "both-sides": _incident("Nothing works", "orders", "stock-updater"),
    "orders-lost": _incident("Orders get lost", "orders"),
    "orders-once": _incident("One order gets lost", "orders", scope=["request"]),
    "stock-sold-out": _incident("Nothing left", order=OrderRequest(item_id=9)),
}

Follow = Callable[..., tuple[BoardProvider, Follower]]


class Console:
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
        self.journal = Journal(self._file)
        self.board = Board(CATALOGUE, self.journal, **self._options)
        server = HttpServer(
            create_app(self.board, self.journal), "127.0.0.1", self.port, threads=24, drain_s=1, notice_disconnects=True
        )
        self._running.enter_context(server)
        self._running.enter_context(expiring(self.board))

    def stop(self) -> None:
        self._running.close()

    def close(self) -> None:
        self.stop()
        self.session.close()

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=TIMEOUT_S, **more)

    def put(self, path: str, **more: Any) -> requests.Response:
        return self.request("PUT", f"/chaos/{path}", **more)

    def delete(self, path: str = "") -> requests.Response:
        return self.request("DELETE", f"/chaos/{path}".rstrip("/"))

    def on(self) -> set[str]:
        return {switch["id"] for switch in self.request("GET", "/chaos").json()["switches"] if switch["on"]}

    def poll(self, context: dict[str, Any] | None = None, **headers: str) -> requests.Response:
        url = f"{self.url}/ofrep/v1/evaluate/flags"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(url, json={"context": context or {}}, headers=named, timeout=TIMEOUT_S)

    def add_silent_follower(self, name: str) -> None:
        """Poll once as an instance that acknowledges nothing."""
        assert self.poll(Vshop_Follower=name).status_code == 200


@pytest.fixture
def serve() -> Iterator[Callable[..., Console]]:
    with contextlib.ExitStack() as consoles:

        def make(file: Path | None = None, **options: Any) -> Console:
            console = Console(file, **options)
            consoles.callback(console.close)
            return console

        yield make


@pytest.fixture
def console(serve: Callable[..., Console]) -> Console:
    return serve()


@pytest.fixture(scope="module")
def unfollowed() -> Iterator[Console]:
    console = Console()
    yield console
    console.close()


@pytest.fixture
def impatient(serve: Callable[..., Console]) -> Console:
    return serve(ack_timeout_s=0.3)


@pytest.fixture
def follow(eventually: Eventually) -> Iterator[Follow]:
    with contextlib.ExitStack() as followers:

        def start(console: Console, service: str, **options: Any) -> tuple[BoardProvider, Follower]:
            provider = BoardProvider()
            follower = Follower(provider, console.url, service, **options).start()
            followers.callback(follower.stop)
            eventually(lambda: console.board.alive().get(follower.name) == console.board.snapshot().revision)
            return provider, follower

        yield start
