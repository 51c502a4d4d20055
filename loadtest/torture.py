"""Injects the planned faults while orders come in."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from loadtest.accounting import Accounting
from loadtest.faults import Action, Injection
from loadtest.history import History
from loadtest.report import Fault
from loadtest.targets import Processes, Target
from vshop.shop.client import ShopClient

BACKLOG = 100  # unhandled orders; few, so that it is known which orders a fault affects
_SLOW_S = 6.0
_CATCH_UP_S = 120.0


class TortureError(Exception):
    """The shop did not recover from a fault."""


class Torture:
    def __init__(
        self,
        target: Target,
        accounting: Accounting,
        actions: list[tuple[int, Action]],
        history: History | None,
        log: Callable[[str], None],
    ) -> None:
        """Start the thread. ``history`` is for the faults that only processes can have."""
        self.faults: list[Fault] = []
        self._injection = (
            Injection(target, history, lambda: accounting.tally.accepted) if isinstance(target, Processes) and history else None
        )
        self._target, self._accounting, self._actions, self._log = target, accounting, actions, log
        self._over = threading.Event()
        self._executor = ThreadPoolExecutor(1, "torture")
        self._injecting = self._executor.submit(self._inject)

    def done(self) -> bool:
        """Return whether all faults were injected; raise the thread's error, if any."""
        if self._injecting.done():
            self._injecting.result()
        return self._injecting.done()

    def end(self) -> None:
        self._over.set()
        self._executor.shutdown()

    def _inject(self) -> None:
        for after, action in self._actions:
            if not self._wait_for(after):
                return
            self.faults.append(self._do(action))

    def _wait_for(self, after: int) -> bool:
        for _ in self._waiting():
            if self._accounting.tally.accepted >= after:
                break
        deadline = time.monotonic() + _CATCH_UP_S
        for _ in self._waiting():
            handled = self._accounting.handled()
            if handled is not None and self._accounting.tally.accepted - handled <= BACKLOG:
                break
            if time.monotonic() > deadline:
                raise TortureError(f"The shop did not catch up within {_CATCH_UP_S:g} s; the last fault: {self.faults[-1:]}.")
        return not self._over.is_set()

    def _waiting(self) -> Iterator[None]:
        while not self._over.wait(0.2):
            yield

    def _do(self, action: Action) -> Fault:
        accepted, began = self._accounting.tally.accepted, time.time()
        oldest_at = min((order.at for order in self._accounting.trace_checker.pending()), default=began)
        if action.how == "killed":
            self._target.kill(action.part)
            self._target.start(action.part)
        elif action.how == "restarted":
            self._target.restart(action.part)
        elif action.how.startswith("under "):
            self._slow(action.how.removeprefix("under "))
        elif self._injection:
            self.faults += self._injection.inject(action, oldest_at)
        fault = Fault(part=action.part, what=action.how, at=began, back_at=time.time(), oldest_at=oldest_at, accepted=accepted)
        self._log(f"{fault.part} {fault.what} after {accepted} orders, back after {fault.back_at - began:.1f} s")
        return fault

    def _slow(self, incident: str) -> None:
        client = ShopClient(self._target.addresses)
        client.switch_on(incident)
        try:
            self._over.wait(_SLOW_S)
        finally:
            client.switch_off(incident)
