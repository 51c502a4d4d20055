"""Locust, started here or running elsewhere."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Protocol

import msgspec
import requests

from loadtest.ledger import FileSource, PageSource, Source
from vshop.addresses import Addresses
from vshop.kit.http_session import why
from vshop.runtime.processes import tail

_LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_FINISH_S = 60  # what a shopper under way gets to finish, when the load ends
_TIMEOUT_S = 10
_WORKER_S = 90
_STOP_TRIES = 3


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the shoppers; the names are those of the locustfile's options."""

    users: int = 20
    spawn_rate: float = 10.0
    run_time: int = 30
    """In seconds."""
    shape: str = "steady"
    orders_per_second: float = 10.0
    orders: int = 0
    looks: float = 1.0
    items: str = "0,1,2,3,4,5,6,7,8,9"
    wrong_share: float = 0.03
    chaos_share: float = 0.0
    chaos: str = "stock-put-missing-key,auth-retry-succeeds"
    incident: str = "auth-token-expired"
    patience: float = 120.0
    max_backlog: int = 0


class SwarmError(Exception):
    """Locust could not do its work; the text says what it said."""


class Swarm(Protocol):
    """Shoppers at work."""

    source: Source

    def running(self) -> bool:
        """Say whether they are still at it; raises SwarmError when Locust has failed."""

    def stop(self) -> None:
        """Send them home; orders under way are finished."""


class LocalSwarm:
    """A Locust of one process, started here."""

    def __init__(self, load: Load, addresses: Addresses, folder: Path, more: list[str]) -> None:
        """Start it.

        Args:
            load: what is asked of the shoppers.
            addresses: where they shop.
            folder: gets the ledger and Locust's log.
            more: further options of Locust, such as ``--html``.
        """
        folder.mkdir(parents=True, exist_ok=True)
        ledger, self._log = folder / "ledger.ndjson", folder / "locust.log"
        ledger.unlink(missing_ok=True)
        self.source: Source = FileSource(ledger)
        places = {
            "host": addresses.orders,
            "auth-url": addresses.auth,
            "stock-url": addresses.stock,
            "console-url": addresses.console,
        }
        asked = {name.replace("_", "-"): value for name, value in msgspec.to_builtins(load).items()} | places
        asked |= {"ledger": str(ledger), "parent": os.getpid()}
        options = [f"--{name}={value}" for name, value in asked.items()]
        fixed = ["--headless", "--only-summary", f"--stop-timeout={_FINISH_S}", "--exit-code-on-error=0"]
        command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), *fixed, *options, *more]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def running(self) -> bool:
        """Say whether they are still at it; raises SwarmError when Locust has failed."""
        code = self._process.poll()
        if code:
            raise SwarmError(f"Locust ended with exit code {code}. The end of {self._log}:\n{tail(self._log)}")
        return code is None

    def stop(self) -> None:
        """Send them home; orders under way are finished."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_FINISH_S + 10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def summary(self) -> str:
        """Return what Locust printed: its own report."""
        return self._log.read_text(errors="replace")


class RemoteSwarm:
    """A Locust that runs elsewhere, with its workers: in containers or on Kubernetes."""

    def __init__(self, load: Load, url: str) -> None:
        """Let its shoppers begin.

        Args:
            load: what is asked of them; where they shop, they know.
            url: address of Locust's page.

        Raises:
            SwarmError: it does not answer, or refuses.
        """
        self._url = url.rstrip("/")
        source = PageSource(self._url)
        self.source: Source = source
        self._page = source
        self._await_worker()
        form = {name: str(value) for name, value in msgspec.to_builtins(load).items()} | {"user_count": str(load.users)}
        answer = self._ask("POST", "/swarm", data=form)
        if not answer["success"]:
            raise SwarmError(f"Locust at {url} refuses: {answer['message']}")
        self._seen_running = False

    def _await_worker(self) -> None:
        """Wait until a worker is ready: after a load it takes a moment."""
        deadline = time.monotonic() + _WORKER_S
        while True:
            workers = self._ask("GET", "/stats/requests").get("workers")
            if workers is None or any(worker["state"] == "ready" for worker in workers):
                return  # without workers it does the work itself
            if time.monotonic() > deadline:
                raise SwarmError(
                    f"Locust at {self._url} had no worker ready for {_WORKER_S} s. Start one, or let it finish its load."
                )
            time.sleep(0.5)

    def running(self) -> bool:
        """Say whether they are still at it, as of the last look at the ledger."""
        self._seen_running = self._seen_running or self._page.state in {"spawning", "running"}
        return not self._seen_running or self._page.state not in {"ready", "stopped", "missing"}

    def stop(self) -> None:
        """Send them home; orders under way are finished, which its answer waits for."""
        for more in reversed(range(_STOP_TRIES)):
            try:
                self._ask("POST", "/stop", timeout_s=_FINISH_S + 10)
            except SwarmError:  # a forward that found another pod: once more does no harm
                if not more:
                    raise
            else:
                return

    def _ask(self, method: str, path: str, timeout_s: float = _TIMEOUT_S, **options: Any) -> dict[str, Any]:
        try:
            response = requests.request(method, self._url + path, timeout=timeout_s, **options)
            response.raise_for_status()
        except requests.RequestException as error:
            raise SwarmError(f"Locust cannot be reached at {self._url}: {why(error)}") from error
        answer: dict[str, Any] = response.json()
        return answer
