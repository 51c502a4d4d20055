"""Runs the shoppers, in a local Locust or a remote one, and reads their order log meanwhile."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import requests

from vshop.kit.http.session import failure_reason
from vshop.kit.times import Clock
from vshop.runtime.model.processes import tail
from vshop.shop.addresses import Addresses

_LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_FINISH_S = 60  # time for shoppers to finish their orders when the load ends
_TIMEOUT_S = 10
_WORKER_S = 90
_STOP_TRIES = 3


class _Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="event"):
    at: float


class Accepted(_Line, frozen=True, kw_only=True, tag="accepted"):
    order_id: str
    trace_id: str
    item_id: int
    quantity: int
    tries: int
    began: float = 0.0
    """0 if it was sent once."""
    incident: str | None = None
    wrong: str | None = None


class Refused(_Line, frozen=True, kw_only=True, tag="refused"):
    status: int
    reason: str
    incident: str | None = None
    wrong: str | None = None
    deserved: int | None = None


class Retried(_Line, frozen=True, kw_only=True, tag="retried"):
    status: int
    reason: str


class Unanswered(_Line, frozen=True, kw_only=True, tag="unsure"):
    """Without an answer; the shop may have accepted it."""

    item_id: int
    quantity: int
    username: str
    key: str
    discount_code: str | None = None


Line = Accepted | Refused | Retried | Unanswered
_decoder = msgspec.json.Decoder(Line)


def read_log(ledger: Path, offset: int) -> tuple[list[Line], int]:
    """Return the whole lines of a file behind an offset, and the offset behind them."""
    with ledger.open("rb") as file:
        file.seek(offset)
        whole, newline, _ = file.read().rpartition(b"\n")
    return [_decoder.decode(line) for line in whole.splitlines()], offset + len(whole) + len(newline)


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


class LostLinesError(SwarmError):
    """Lines were evicted before they were read, or Locust stopped answering."""


class LocalSwarm:
    silent = False

    def __init__(self, load: Load, addresses: Addresses, folder: Path, more: list[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._ledger, self._log, self._offset = folder / "ledger.ndjson", folder / "locust.log", 0
        self._ledger.write_bytes(b"")
        values = msgspec.to_builtins(load) | {
            "host": addresses.orders,
            "auth_url": addresses.auth,
            "stock_url": addresses.stock,
            "console_url": addresses.console,
            "ledger": str(self._ledger),
            "parent": os.getpid(),
        }
        options = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
        fixed = ["--headless", "--only-summary", f"--stop-timeout={_FINISH_S}", "--exit-code-on-error=0"]
        command = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), *fixed, *options, *more]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def read(self) -> list[Line]:
        """Return the new lines."""
        lines, self._offset = read_log(self._ledger, self._offset)
        return lines

    def running(self) -> bool:
        code = self._process.poll()
        if code:
            raise SwarmError(f"Locust ended with exit code {code}. The end of {self._log}:\n{tail(self._log)}")
        return code is None

    def stop(self) -> None:
        """End the load and finish the orders in progress."""
        self._process.terminate()
        try:
            self._process.wait(_FINISH_S + 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def summary(self) -> str:
        return self._log.read_text(errors="replace")


class RemoteSwarm:
    """A remote Locust with its workers, in containers or on Kubernetes, which may be unreachable for a while."""

    def __init__(self, load: Load, url: str, patience_s: float = 30.0) -> None:
        """Start the load. Locust knows the shop's addresses. Raises SwarmError."""
        self._url, self._patience_s = url.rstrip("/"), patience_s
        self._next, self._answered_at = 0, time.monotonic()
        self.silent, self._state, self._seen_running = False, "", False
        self._await_worker()
        form = {name: str(value) for name, value in msgspec.to_builtins(load).items()} | {"user_count": str(load.users)}
        answer = self._ask("POST", "/swarm", data=form)
        if not answer["success"]:
            raise SwarmError(f"Locust at {url} refuses the load: {answer['message']}")

    def _await_worker(self) -> None:
        def ready() -> bool:
            workers = self._ask("GET", "/stats/requests").get("workers")
            # A Locust without workers runs the load itself.
            return workers is None or any(worker["state"] == "ready" for worker in workers)

        if not Clock().poll(ready, _WORKER_S):
            raise SwarmError(
                f"Locust at {self._url} had no worker ready for {_WORKER_S} s. Start a worker, or wait for the load to end."
            )

    def read(self) -> list[Line]:
        """Return the new lines; after a failed request, the next call gets them. Raises LostLinesError."""
        asked = time.monotonic()
        try:
            answer = self._request("GET", "/ledger", params={"since": self._next})
        except requests.RequestException as error:
            self.silent = True
            if time.monotonic() - self._answered_at > self._patience_s:
                raise LostLinesError(
                    f"Locust at {self._url} has not answered for {self._patience_s:g} s, so its orders are unknown: "
                    f"{failure_reason(error)}"
                ) from error
            return []
        self.silent, self._answered_at = False, time.monotonic()
        if (lost := answer["first"] - self._next) > 0:
            raise LostLinesError(
                f"{lost} lines of the order log were evicted unread; the last request took {self._answered_at - asked:.1f} s."
            )
        self._next, self._state = answer["next"], answer["state"]
        return msgspec.convert(answer["lines"], list[Line])

    def running(self) -> bool:
        """Return whether the load runs, as of the last read."""
        self._seen_running = self._seen_running or self._state in {"spawning", "running"}
        return not self._seen_running or self._state not in {"ready", "stopped", "missing"}

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

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            return self._request(method, path, **options)
        except requests.RequestException as error:
            raise SwarmError(f"Locust cannot be reached at {self._url}: {failure_reason(error)}") from error

    def _request(self, method: str, path: str, timeout_s: float = _TIMEOUT_S, **options: Any) -> dict[str, Any]:
        response = requests.request(method, self._url + path, timeout=timeout_s, **options)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


Swarm = LocalSwarm | RemoteSwarm
