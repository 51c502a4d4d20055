"""Verifies incidents by running ``vshop verify``: the console itself imports nothing of the verification (docs/adr/0005)."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from vshop.kit.settings import Settings

_SECONDS_EACH = 90


class BusyError(Exception):
    """A run is under way; ``number`` is its."""

    def __init__(self, number: int) -> None:
        super().__init__(f"run {number} is under way")
        self.number = number


class Run:
    """One run: what was asked for, and what became of it so far."""

    def __init__(self, number: int, ids: Sequence[str], scope: str) -> None:
        """Args: number: the run's. ids: which incidents. scope: how they are switched on."""
        self.number, self.ids, self.scope = number, list(ids), scope
        self.state: Literal["running", "done", "failed"] = "running"
        self.verdicts: list[dict[str, Any]] = []
        self.error: str | None = None


class VerifyRuns:
    """Runs, one at a time; a context manager whose end stops the one under way, which switches everything off."""

    KEPT = 20
    """How many runs are remembered."""

    def __init__(self, settings: Settings, command: Sequence[str] = (sys.executable, "-P", "-m", "vshop.cli")) -> None:
        """Prepare.

        Args:
            settings: hold the addresses of the shop's parts.
            command: what runs the command line.
        """
        self._command = list(command)
        self._env = os.environ | _addresses(settings)
        self._lock = threading.Lock()
        self._runs: dict[int, Run] = {}
        self._count = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, ids: Sequence[str], scope: str) -> Run:
        """Begin a run.

        Raises:
            BusyError: another one is under way.
        """
        with self._lock:
            running = next((run for run in self._runs.values() if run.state == "running"), None)
            if running is not None:
                raise BusyError(running.number)
            self._count += 1
            run = self._runs[self._count] = Run(self._count, ids, scope)
            while len(self._runs) > self.KEPT:
                del self._runs[next(iter(self._runs))]
            line = [*self._command, "verify", "--json", "--scope", scope, *ids]
            # A group of its own: Ctrl-C on the console's terminal reaches it by way of the console, in order.
            self._process = subprocess.Popen(
                line,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            threading.Thread(target=self._follow, args=(run, self._process), name=f"verify-{run.number}", daemon=True).start()
        return run

    def get(self, number: int) -> Run | None:
        """Return a run, if it is remembered."""
        with self._lock:
            return self._runs.get(number)

    def verdicts(self) -> list[dict[str, Any]]:
        """Return the verdicts of all runs, the oldest first: they know the culprit spans."""
        with self._lock:
            return [verdict for run in self._runs.values() for verdict in run.verdicts]

    def __enter__(self) -> Self:
        """Take runs inside the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the run under way."""
        with self._lock:
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()

    def _follow(self, run: Run, process: "subprocess.Popen[bytes]") -> None:
        try:
            out, err = process.communicate(timeout=_SECONDS_EACH * max(1, len(run.ids)))
            verdicts = msgspec.json.decode(out, type=list[dict[str, Any]])
        except subprocess.TimeoutExpired:
            process.terminate()
            self._end(run, [], "It took too long, and was stopped.")
        except msgspec.DecodeError:
            self._end(run, [], err.decode(errors="replace").strip()[-2000:] or "It ended without a word.")
        else:
            self._end(run, verdicts, None)

    def _end(self, run: Run, verdicts: list[dict[str, Any]], error: str | None) -> None:
        with self._lock:
            run.verdicts, run.error = verdicts, error
            run.state = "done" if error is None else "failed"


def _addresses(settings: Settings) -> Mapping[str, str]:
    return {
        "VSHOP_ORDERS_URL": settings.orders_url,
        "VSHOP_AUTH_URL": settings.auth_url,
        "VSHOP_STOCK_URL": settings.stock_url,
        "VSHOP_CONSOLE_URL": settings.console_url,
        "VSHOP_TRACES_URL": settings.observatory_url,
        "VSHOP_OBSERVATORY_URL": settings.observatory_url,
    }
