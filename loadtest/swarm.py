"""Runs the shoppers, in a local Locust or a remote one."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import requests

from loadtest.order_log import FileSource, PageSource
from vshop.kit.http.session import failure_reason
from vshop.runtime.model.processes import tail
from vshop.shop.addresses import Addresses

_LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_FINISH_S = 60  # time for shoppers to finish their orders when the load ends
_TIMEOUT_S = 10
_WORKER_S = 90
_STOP_TRIES = 3


class Load(msgspec.Struct, frozen=True, kw_only=True):
    users: int = 20
    spawn_rate: float = 10.0
    run_time: int = 30  # seconds
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
    """Locust failed."""


class LocalSwarm:
    def __init__(self, load: Load, addresses: Addresses, folder: Path, more: list[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        ledger, self._log = folder / "ledger.ndjson", folder / "locust.log"
        ledger.unlink(missing_ok=True)
        self.source = FileSource(ledger)
        values = msgspec.to_builtins(load) | {
            "host": addresses.orders,
            "auth_url": addresses.auth,
            "stock_url": addresses.stock,
            "console_url": addresses.console,
            "ledger": str(ledger),
            "parent": os.getpid(),
        }
        options = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
        fixed = ["--headless", "--only-summary", f"--stop-timeout={_FINISH_S}", "--exit-code-on-error=0"]
        command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), *fixed, *options, *more]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def running(self) -> bool:
        code = self._process.poll()
        if code:
            raise SwarmError(f"Locust ended with exit code {code}. The end of {self._log}:\n{tail(self._log)}")
        return code is None

    def stop(self) -> None:
        """End the load and finish the orders in progress."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_FINISH_S + 10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def summary(self) -> str:
        return self._log.read_text(errors="replace")


class RemoteSwarm:
    """A remote Locust with its workers, in containers or on Kubernetes."""

    def __init__(self, load: Load, url: str) -> None:
        """Start the load. Locust knows the shop's addresses. Raises SwarmError."""
        self._url = url.rstrip("/")
        self.source = PageSource(self._url)
        self._await_worker()
        form = {name: str(value) for name, value in msgspec.to_builtins(load).items()} | {"user_count": str(load.users)}
        answer = self._ask("POST", "/swarm", data=form)
        if not answer["success"]:
            raise SwarmError(f"Locust at {url} refuses the load: {answer['message']}")
        self._seen_running = False

    def _await_worker(self) -> None:
        deadline = time.monotonic() + _WORKER_S
        while True:
            workers = self._ask("GET", "/stats/requests").get("workers")
            if workers is None or any(worker["state"] == "ready" for worker in workers):
                return  # a Locust without workers runs the load itself
            if time.monotonic() > deadline:
                raise SwarmError(
                    f"Locust at {self._url} had no worker ready for {_WORKER_S} s. Start a worker, or wait for the load to end."
                )
            time.sleep(0.5)

    def running(self) -> bool:
        """Return whether the load runs, as of the last read."""
        self._seen_running = self._seen_running or self.source.state in {"spawning", "running"}
        return not self._seen_running or self.source.state not in {"ready", "stopped", "missing"}

    def stop(self) -> None:
        """End the load and finish the orders in progress."""
        for more in reversed(range(_STOP_TRIES)):
            try:
                self._ask("POST", "/stop", timeout_s=_FINISH_S + 10)
            except SwarmError:  # the port forward may have moved; a second stop is harmless
                if not more:
                    raise
            else:
                return

    def _ask(self, method: str, path: str, timeout_s: float = _TIMEOUT_S, **options: Any) -> dict[str, Any]:
        try:
            response = requests.request(method, self._url + path, timeout=timeout_s, **options)
            response.raise_for_status()
        except requests.RequestException as error:
            raise SwarmError(f"Locust cannot be reached at {self._url}: {failure_reason(error)}") from error
        answer: dict[str, Any] = response.json()
        return answer


Swarm = LocalSwarm | RemoteSwarm
