"""Verifies incidents in a thread, one run at a time (docs/adr/0008)."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, cast

import msgspec

from vshop.incidents.incident import Incident, Scope
from vshop.incidents.verify import Check, Phase, Verdict
from vshop.incidents.verify.batch import BatchVerifier
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.traces import TraceReader

log = logging.getLogger(__name__)

_SECONDS_EACH = 90
_STOP_WITHIN_S = 5.0
"""``vshop down`` kills the console after 10 s."""


class BusyError(Exception):
    """Another run is in progress."""

    def __init__(self, number: int) -> None:
        super().__init__(f"run {number} is in progress")
        self.number = number


class _StoppedError(Exception):
    """The run was stopped before its end."""


class VerifyRun:
    """Has a result once it is done."""

    def __init__(self, number: int, ids: Sequence[str], scope: Scope) -> None:
        self.number, self.ids, self.scope = number, list(ids), scope
        self.state: Literal["running", "done", "failed"] = "running"
        self.verdicts: list[dict[str, Any]] = []
        self.error: str | None = None


class VerifyRuns:
    """Leaving the context stops the run and switches its incident off."""

    KEPT = 20

    def __init__(
        self, catalogue: Mapping[str, Incident], addresses: Addresses, verifier: Callable[..., BatchVerifier] = BatchVerifier
    ) -> None:
        self._catalogue = catalogue
        self._verifier = verifier
        self._shop = ShopClient(addresses)
        self._traces = TraceReader(addresses.traces)
        self._lock = threading.Lock()
        self._runs: dict[int, VerifyRun] = {}
        self._count = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._incident: str | None = None

    def start(self, ids: Sequence[str], scope: Scope) -> VerifyRun:
        """Start a run. Raises BusyError."""
        with self._lock:
            running = next((run for run in self._runs.values() if run.state == "running"), None)
            if running is not None:
                raise BusyError(running.number)
            self._count += 1
            run = self._runs[self._count] = VerifyRun(self._count, ids, scope)
            while len(self._runs) > self.KEPT:
                del self._runs[next(iter(self._runs))]
            self._thread = threading.Thread(target=self._verify, args=(run,), name=f"verify-{run.number}", daemon=True)
            self._thread.start()
        return run

    def get(self, number: int) -> VerifyRun | None:
        """Return a run, or None if it is not kept."""
        with self._lock:
            return self._runs.get(number)

    def verdicts(self) -> list[dict[str, Any]]:
        """Return the verdicts of all runs, oldest first."""
        with self._lock:
            return [verdict for run in self._runs.values() for verdict in run.verdicts]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        if self._thread is None:
            return
        self._thread.join(_STOP_WITHIN_S)
        if self._thread.is_alive() and self._incident is not None:
            # A slow request may keep the thread from switching off.
            with contextlib.suppress(ShopError):
                self._shop.switch_off(self._incident)

    def _verify(self, run: VerifyRun) -> None:
        deadline = time.monotonic() + _SECONDS_EACH * max(1, len(run.ids))

        def check() -> None:
            if self._stop.is_set():
                raise _StoppedError("The console stopped before the run was done.")
            if time.monotonic() > deadline:
                raise _StoppedError(f"The run took longer than {_SECONDS_EACH} s for each incident and was stopped.")

        verifier = self._verifier(
            shop=cast("ShopClient", _Stoppable(self._shop, check)),
            traces=cast("TraceReader", _Stoppable(self._traces, check)),
            progress=self,
            scope=run.scope,
        )
        try:
            verdicts = [msgspec.to_builtins(one) for one in verifier.in_sequence([self._catalogue[name] for name in run.ids])]
        except _StoppedError as error:
            self._finish(run, [], str(error))
        except Exception as error:  # noqa: BLE001 - the run reports it; a thread has no caller
            # Without the text, which may name an incident.
            log.warning("verification run %d failed with %s", run.number, type(error).__name__)
            self._finish(run, [], f"{type(error).__name__}: {error}")
        else:
            self._finish(run, verdicts, None)

    def _finish(self, run: VerifyRun, verdicts: list[dict[str, Any]], error: str | None) -> None:
        with self._lock:
            run.verdicts, run.error = verdicts, error
            run.state = "done" if error is None else "failed"

    def begin(self, incident: str) -> None:
        """Note that an incident may be on."""
        self._incident = incident

    def phase(self, incident: str, phase: Phase, checks: list[Check]) -> None:
        """Ignore the phases."""

    def end(self, verdict: Verdict) -> None:
        """Note that the incident is off."""
        if verdict.incident == self._incident:
            self._incident = None


class _Stoppable:
    """Its methods raise once the run is stopped, except ``switch_off``, which ends a verification."""

    def __init__(self, client: object, check: Callable[[], None]) -> None:
        self._client = client
        self._check = check

    def __getattr__(self, name: str) -> Any:
        if name != "switch_off":
            self._check()
        return getattr(self._client, name)
