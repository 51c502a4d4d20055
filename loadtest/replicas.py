"""What more replicas bring: one load after another on a shop in a cluster, each with other replicas and partitions."""

import contextlib
import os
import secrets
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from loadtest.ledger import Accepted, Line, Refused, Retried, Unsure
from loadtest.pod_cpu import PodCpu
from loadtest.swarm import Load, RemoteSwarm
from vshop.client import ShopClient, ShopError
from vshop.runtime.cluster import rollout
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.errors import ClusterError
from vshop.runtime.progress import silent

_SCALED = ("deployment/orders", "deployment/stock-updater")
_WARM_UP_S = 4
_LOOK_S = 0.5
_READY_S = 300.0
_PATIENCE_S = 600.0


class Measured(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What one number of replicas brought."""

    replicas: int
    """Of orders and of stock-updater, and partitions."""
    accepted: int
    refused: int
    """Orders that were not accepted in the end."""
    tried_again: int
    handled: int
    accepted_per_s: float
    p50_s: float
    """From an order's first try until it was accepted."""
    p95_s: float
    handled_per_s: float
    """While orders came in."""
    backlog: int
    """Orders that waited when the last one had been accepted."""
    afterwards_per_s: float | None
    """How fast those were handled; None when there were none."""
    cpu_ms: dict[str, float]
    """CPU time an accepted order, by workload, from the first order until the last was handled, idle costs included."""
    load_average: float
    """Of the machine that measures, in the last minute: that of a cluster which runs on it."""


class Look(NamedTuple):
    """How many orders were handled at a moment."""

    at: float
    """Seconds since the epoch."""
    handled: int


class Replicas:
    """Measures on a shop that is up in a cluster, with Locust beside it; a topic, a group and a table for each load."""

    def __init__(self, kubectl: Kubectl, client: ShopClient, locust: str, load: Load, tell: Callable[[str], None]) -> None:
        """Prepare; nothing changes yet.

        Args:
            kubectl: the cluster.
            client: the shop in it.
            locust: address of Locust's page.
            load: what is asked of the shoppers each time.
            tell: told how far it is.
        """
        self._kubectl = kubectl
        self._client = client
        self._locust = locust
        self._load = load
        self._tell = tell
        self._cpu = PodCpu(kubectl)

    def measure(self, counts: Sequence[int]) -> Iterator[Measured]:
        """Measure one number of replicas after the other; in the end everything is as it was before.

        Args:
            counts: the numbers.

        Raises:
            ClusterError: an autoscaler would interfere, or the cluster does not do what it is asked.
            SwarmError: Locust does not.
        """
        scalers = self._kubectl.run("get", "hpa", "--output=name").stdout.split()
        if scalers:
            raise ClusterError(f"{', '.join(scalers)} would change the replicas under way. Measure on the overlay `local`.")
        before = {one: self._kubectl.json("get", one)["spec"].get("replicas", 1) for one in _SCALED}
        run = secrets.token_hex(3)
        try:
            for count in counts:
                self._tell(f"{count} of orders, of stock-updater and of the partitions")
                self._set(count, f"replicas-{run}-{count}")
                yield self._once(count)
        finally:
            self._do("set", "env", *_SCALED, *(f"{name}-" for name in _environment(1, "")))
            for one, replicas in before.items():
                self._do("scale", one, f"--replicas={replicas}")
            rollout.wait(self._kubectl, _READY_S, silent)

    def _set(self, count: int, name: str) -> None:
        # None of the old at work any more before the first of the new: they would put the topic's four partitions in place.
        self._do("scale", *_SCALED, "--replicas=0")
        # A Deployment does not count a pod that is ending, and such a one may still answer, from the table before.
        for one in _SCALED:
            selector = f"--selector=app.kubernetes.io/name={one.removeprefix('deployment/')}"
            self._do("wait", "--for=delete", "pods", selector, f"--timeout={_READY_S:.0f}s", timeout_s=_READY_S + 10)
        self._do("set", "env", *_SCALED, *(f"{key}={value}" for key, value in _environment(count, name).items()))
        self._do("scale", *_SCALED, f"--replicas={count}")
        rollout.wait(self._kubectl, _READY_S, silent)  # a stock-updater is ready once it has joined its group

    def _do(self, *arguments: str, timeout_s: float = 30.0) -> None:
        ran = self._kubectl.run(*arguments, timeout_s=timeout_s)
        if ran.returncode:
            raise ClusterError(f"`kubectl {' '.join(arguments)}` failed: {ran.stderr.strip()}")

    def _once(self, count: int) -> Measured:
        self._drive(msgspec.structs.replace(self._load, run_time=_WARM_UP_S))
        cpu = self._cpu.read()
        lines, looks = self._drive(self._load)
        load_average = os.getloadavg()[0]
        used = {name: seconds - cpu.get(name, 0.0) for name, seconds in self._cpu.read().items()}
        return reckon(count, lines, looks, used, load_average)

    def _drive(self, load: Load) -> tuple[list[Line], list[Look]]:
        """Let shoppers order, and look how far the shop is until all is handled."""
        before = self._handled(_PATIENCE_S)
        swarm, lines, looks = RemoteSwarm(load, self._locust), list[Line](), list[Look]()

        def look() -> None:
            lines.extend(swarm.source.read())
            with contextlib.suppress(ShopError):  # the next look will do
                looks.append(Look(time.time(), self._handled(0) - before))
            time.sleep(_LOOK_S)

        try:
            while swarm.running():
                look()
        finally:
            swarm.stop()
        accepted, deadline = -1, time.monotonic() + _PATIENCE_S
        while not looks or looks[-1].handled < accepted or accepted < 0 or swarm.source.silent:
            look()
            accepted = sum(isinstance(line, Accepted) for line in lines)
            if time.monotonic() > deadline:
                raise ClusterError(f"{accepted} orders were accepted, and {looks[-1:]} handled {_PATIENCE_S:.0f} s later.")
        return lines, looks

    def _handled(self, patience_s: float) -> int:
        """Count the orders in the table: each is one version of its item."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return sum(item["version"] for item in self._client.stock())
            except ShopError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_LOOK_S)  # the forward finds another pod


def _environment(count: int, name: str) -> dict[str, str]:
    return {
        "SHOP_KAFKA_TOPIC": f"orders.{name}",
        "SHOP_KAFKA_GROUP": name,
        "SHOP_KAFKA_PARTITIONS": str(count),
        "SHOP_DYNAMODB_TABLE": name,
    }


def reckon(count: int, lines: Sequence[Line], looks: Sequence[Look], cpu_s: dict[str, float], load_average: float) -> Measured:
    """Make a load's figures.

    Args:
        count: replicas.
        lines: what the shoppers wrote down.
        looks: how many orders were handled at which moment; the last one has them all.
        cpu_s: CPU seconds by workload.
        load_average: of this machine.

    Raises:
        ClusterError: hardly an order was accepted, so that nothing can be said.
    """
    orders = sorted((line for line in lines if isinstance(line, Accepted)), key=lambda line: line.at)
    if len(orders) < 2 or orders[-1].at <= orders[0].at:
        raise ClusterError(f"{len(orders)} orders were accepted; there is nothing to reckon with. Let the load run longer.")
    first, last = orders[0].at, orders[-1].at
    ways = statistics.quantiles([order.at - order.began for order in orders], n=20, method="inclusive")
    # Of several looks the one at which the last order was accepted, or the first one after it.
    then = next((look for look in looks if look.at >= last), looks[-1])
    done = next(look for look in looks if look.handled >= looks[-1].handled)
    waited = looks[-1].handled - then.handled
    return Measured(
        replicas=count,
        accepted=len(orders),
        refused=sum(isinstance(line, Refused | Unsure) for line in lines),
        tried_again=sum(isinstance(line, Retried) for line in lines),
        handled=looks[-1].handled,
        accepted_per_s=len(orders) / (last - first),
        p50_s=ways[9],
        p95_s=ways[18],
        handled_per_s=then.handled / (then.at - first),
        backlog=waited,
        afterwards_per_s=waited / (done.at - then.at) if waited and done.at > then.at else None,
        cpu_ms={name: 1000 * seconds / len(orders) for name, seconds in sorted(cpu_s.items())},
        load_average=load_average,
    )
