"""Does one bad thing after another to a shop while orders come in."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from loadtest.accounts import Accounts
from loadtest.faults import Fault
from loadtest.targets import Target
from vshop.client import ShopClient

BACKLOG = 100
"""Orders that may wait to be handled: few, so that one knows which orders a fault concerns."""
ORDERS_A_ROUND = 10_000
_SLOW_S = 6.0
_CALM_S = 120.0


class TortureError(Exception):
    """The shop did not recover; the text says from what."""


class Deed(NamedTuple):
    """A bad thing: kill or restart a part, or let an incident come over it for a while."""

    part: str
    how: str


ROUND = (
    Deed("stock-updater", "killed"),
    Deed("orders", "killed"),
    Deed("dynamodb", "killed"),
    Deed("auth-stub", "killed"),
    Deed("kafka", "killed"),
    Deed("observatory", "killed"),
    Deed("console", "killed"),
    Deed("auth-stub", "under auth-read-timeout"),
    Deed("dynamodb", "restarted"),
    Deed("kafka", "restarted"),
)
"""All of them once."""


def schedule(orders: int) -> list[tuple[int, Deed]]:
    """Say after how many accepted orders what is done: a round for every 10,000 of them, and one at least.

    Args:
        orders: how many there are to be.
    """
    deeds = ROUND * max(1, orders // ORDERS_A_ROUND)
    return [(orders * number // (len(deeds) + 1), deed) for number, deed in enumerate(deeds, start=1)]


class Torturer(threading.Thread):
    """Works the schedule off. What went wrong with it is in ``error``: then the shop did not come back."""

    def __init__(self, target: Target, accounts: Accounts, deeds: list[tuple[int, Deed]], tell: Callable[[str], None]) -> None:
        """Prepare; ``start`` begins.

        Args:
            target: the shop.
            accounts: tell how many orders are accepted, and handled.
            deeds: what to do, and after how many orders.
            tell: told what is done.
        """
        super().__init__(name="torturer", daemon=True)
        self.faults: list[Fault] = []
        self.error: Exception | None = None
        self._target, self._accounts, self._deeds, self._tell = target, accounts, deeds, tell
        self._over = threading.Event()

    def run(self) -> None:
        """Do one thing after the other, each when the shop has recovered from the one before."""
        try:
            for after, deed in self._deeds:
                if not self._calm(after):
                    return
                self.faults.append(self._do(deed))
        except Exception as error:  # noqa: BLE001 - handed to the thread that asks
            self.error = error

    def done(self) -> bool:
        """Say whether everything was done; raises what went wrong, if anything did."""
        if self.error is not None:
            raise self.error
        return not self.is_alive()

    def end(self) -> None:
        """Do nothing more; what is under way is finished."""
        self._over.set()
        self.join()

    def _calm(self, after: int) -> bool:
        """Wait for so many orders, and for the shop to have caught up; False when all is over before."""
        for _ in self._waiting():
            if self._accounts.tally.accepted >= after:
                break
        deadline = time.monotonic() + _CALM_S
        for _ in self._waiting():
            handled = self._accounts.handled()
            if handled is not None and self._accounts.tally.accepted - handled <= BACKLOG:
                break
            if time.monotonic() > deadline:
                raise TortureError(
                    f"The shop did not catch up within {_CALM_S:g} s; the last thing done to it: {self.faults[-1:]}."
                )
        return not self._over.is_set()

    def _waiting(self) -> Iterator[None]:
        while not self._over.wait(0.2):
            yield

    def _do(self, deed: Deed) -> Fault:
        accepted, began = self._accounts.tally.accepted, time.time()
        oldest_at = min((order.at for order in self._accounts.watcher.pending()), default=began)
        if deed.how == "killed":
            self._target.kill(deed.part)
            self._target.start(deed.part)
        elif deed.how == "restarted":
            self._target.restart(deed.part)
        else:
            self._slow(deed.how.removeprefix("under "))
        fault = Fault(part=deed.part, what=deed.how, at=began, back_at=time.time(), oldest_at=oldest_at, accepted=accepted)
        self._tell(f"{fault.part} {fault.what} after {accepted} orders, back after {fault.back_at - began:.1f} s")
        return fault

    def _slow(self, incident: str) -> None:
        client = ShopClient(self._target.addresses)
        client.switch_on(incident)
        try:
            self._over.wait(_SLOW_S)
        finally:
            client.switch_off(incident)
