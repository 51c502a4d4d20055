"""The faults of torture, planned with a seed, and injected while orders come in."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from loadtest.accounting import Accounting
from loadtest.proxy import Mode
from loadtest.report import Fault
from loadtest.targets import LINKS, Action, Target
from vshop.shop.client import ShopClient

ORDERS_A_ROUND = 10_000
BACKLOG = 100  # unhandled orders; few, so that it is known which orders a fault affects
_SLOW_S = 6.0
_CATCH_UP_S = 120.0
_REFUSALS = (
    "408 RequestTimeout",
    "400 ThrottlingException",
    "400 ProvisionedThroughputExceededException",
    "429 TooManyRequestsException",
    "400 TransactionInProgressException",
    "500 InternalServerError",
)
_CLOCK_ERRORS = ("400 InvalidSignatureException", "403 RequestExpired", "403 RequestTimeTooSkewed")
_KILLED = ("stock-updater", "orders", "dynamodb", "auth-stub", "kafka", "observatory", "console")
_NETWORK = (Mode.LATENCY, Mode.HALF_OPEN, Mode.BLACK_HOLE, Mode.RESET, Mode.FLAPPING)


def _pauses(rng: random.Random) -> list[Action]:
    other = rng.choice(["orders", "auth-stub", "kafka", "dynamodb", "observatory"])
    # A group's member that is silent for 6 s loses its partitions.
    return [Action("stock-updater", "paused", rng.uniform(6.5, 16)), Action(other, "paused", rng.uniform(1, 5))]


KINDS: dict[str, Callable[[random.Random], list[Action]]] = {
    "kill": lambda _: [Action(part, "killed") for part in _KILLED],
    "restart": lambda _: [Action("dynamodb", "restarted"), Action("kafka", "restarted")],
    "incident": lambda _: [Action("auth-stub", "under auth-read-timeout")],
    "pause": _pauses,
    "partition": lambda rng: [Action(rng.choice(LINKS), f"partitioned, {mode}", rng.uniform(2, 6)) for mode in _NETWORK],
    "refusal": lambda rng: [Action("dynamodb", f"refuses, {rng.choice(_REFUSALS)}", rng.uniform(2, 5))],
    "clock": lambda rng: [Action("dynamodb", f"refuses, {rng.choice(_CLOCK_ERRORS)}", rng.uniform(2, 5))],
    "disk": lambda rng: [Action(rng.choice(["kafka", "dynamodb"]), "full disk", rng.uniform(1, 4))],
    "rollback": lambda rng: [Action("dynamodb", "rolled back", rng.uniform(2, 5))],
    "topic": lambda _: [Action("kafka", "topic re-created")],
    "rebalance": lambda rng: [Action("stock-updater", "rebalance storm", rng.uniform(4, 8))],
    "transaction": lambda _: [Action("kafka", "transactions")],
}
"""Plans one round, by the names of ``--faults``."""
ANYWHERE = ("kill", "restart", "incident")
"""Containers can have them too."""


def schedule(orders: int, kinds: Sequence[str] = ANYWHERE, seed: int = 0, rounds: int = 0) -> list[tuple[int, Action]]:
    """Plan rounds, by default one for every 10,000 orders, as pairs of a number of accepted orders and a fault."""
    rng = random.Random(seed)  # noqa: S311 - a replay needs the same numbers
    rounds = rounds or max(1, orders // ORDERS_A_ROUND)
    actions = [action for _ in range(rounds) for kind in kinds for action in KINDS[kind](rng)]
    return [(orders * number // (len(actions) + 1), action) for number, action in enumerate(actions, start=1)]


class TortureError(Exception):
    """The shop did not recover from a fault."""


class Torture:
    def __init__(
        self, target: Target, accounting: Accounting, plan: Sequence[tuple[int, Action]], log: Callable[[str], None]
    ) -> None:
        """Start the thread."""
        self.faults: list[Fault] = []
        self._target, self._accounting, self._plan, self._log = target, accounting, plan, log
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
        for after, action in self._plan:
            self._wait_for(after)
            if self._over.is_set():
                return
            self._do(action)

    def _accepted(self) -> int:
        return len(self._accounting.tally.accepted)

    def _wait_for(self, after: int) -> None:
        for _ in self._waiting():
            if self._accepted() >= after:
                break
        deadline = time.monotonic() + _CATCH_UP_S
        for _ in self._waiting():
            handled = self._accounting.handled()
            if handled is not None and self._accepted() - handled <= BACKLOG:
                break
            if time.monotonic() > deadline:
                raise TortureError(f"The shop did not catch up within {_CATCH_UP_S:g} s; the last fault: {self.faults[-1:]}.")

    def _waiting(self) -> Iterator[None]:
        while not self._over.wait(0.2):
            yield

    def _do(self, action: Action) -> None:
        accepted, began = self._accepted(), time.time()
        oldest_at = min((order.at for order in self._accounting.trace_checker.pending()), default=began)
        if action.how.startswith("under "):
            self._slow(action.how.removeprefix("under "))
        else:
            self._target.inject(action, self._accepted)
        fault = Fault(part=action.part, what=action.how, at=began, back_at=time.time(), oldest_at=oldest_at, accepted=accepted)
        if action.how == "rolled back":  # which needs a kill
            self.faults.append(msgspec.structs.replace(fault, part="stock-updater", what="killed", accepted=0))
        self.faults.append(fault)
        self._log(f"{fault.part} {fault.what} after {accepted} orders, back after {fault.back_at - began:.1f} s")

    def _slow(self, incident: str) -> None:
        client = ShopClient(self._target.addresses)
        client.switch_on(incident)
        try:
            self._over.wait(_SLOW_S)
        finally:
            client.switch_off(incident)
