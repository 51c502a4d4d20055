"""Measures a shop in a cluster by replicas and partitions."""

import contextlib
import json
import os
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from loadtest.report import stdout, table
from loadtest.swarm import Accepted, Line, Load, Refused, RemoteSwarm, Retried, Unanswered
from vshop.runtime.kubernetes import rollout
from vshop.runtime.kubernetes.kubectl import NAMESPACE, Kubectl
from vshop.runtime.model.errors import ClusterError
from vshop.runtime.model.progress import silent
from vshop.shop.client import ShopClient, ShopError

_SCALED = ("deployment/orders", "deployment/stock-updater")
_WARM_UP_S = 4
_POLL_S = 0.5
_READY_S = 300.0
_PATIENCE_S = 600.0
_COUNTED_S = 60.0


class Measured(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    replicas: int
    accepted: int
    refused: int
    tried_again: int
    handled: int
    accepted_per_s: float
    p50_s: float
    """From an order's first try until it was accepted."""
    p95_s: float
    handled_per_s: float
    backlog: int
    """When the last order was accepted."""
    afterwards_per_s: float | None
    cpu_ms: dict[str, float]
    """Per accepted order, by workload, idle time included."""
    load_average: float
    """Of this machine, over one minute."""


class HandledCount(NamedTuple):
    at: float
    handled: int


class Replicas:
    """Uses a new topic, group and table for each load."""

    def __init__(self, kubectl: Kubectl, client: ShopClient, locust: str, load: Load, log: Callable[[str], None]) -> None:
        self._kubectl, self._client, self._locust, self._load, self._log = kubectl, client, locust, load, log

    def measure(self, counts: Sequence[int]) -> Iterator[Measured]:
        """Measure each number of replicas, then restore the cluster. Raises ClusterError."""
        scalers = self._kubectl.run("get", "hpa", "--output=name").stdout.split()
        if scalers:
            raise ClusterError(f"{', '.join(scalers)} would change the number of replicas. Measure on the overlay `local`.")
        before = {one: self._kubectl.json("get", one)["spec"].get("replicas", 1) for one in _SCALED}
        run = secrets.token_hex(3)
        try:
            for count in counts:
                self._log(f"{count} replicas of orders and stock-updater, {count} partitions")
                self._set(count, f"replicas-{run}-{count}")
                yield self._once(count)
        finally:
            self._do("set", "env", *_SCALED, *(f"{name}-" for name in _environment(1, "")))
            for one, replicas in before.items():
                self._do("scale", one, f"--replicas={replicas}")
            rollout.wait(self._kubectl, _READY_S, silent)

    def _set(self, count: int, name: str) -> None:
        # Stop all old pods first: they would create the topic with four partitions.
        self._do("scale", *_SCALED, "--replicas=0")
        # A Deployment does not count a terminating pod, which may still answer from the previous table.
        for one in _SCALED:
            selector = f"--selector=app.kubernetes.io/name={one.removeprefix('deployment/')}"
            self._do("wait", "--for=delete", "pods", selector, f"--timeout={_READY_S:.0f}s", timeout_s=_READY_S + 10)
        self._do("set", "env", *_SCALED, *(f"{key}={value}" for key, value in _environment(count, name).items()))
        self._do("scale", *_SCALED, f"--replicas={count}")
        rollout.wait(self._kubectl, _READY_S, silent)  # a stock-updater is ready once it has joined its consumer group

    def _do(self, *arguments: str, timeout_s: float = 30.0) -> None:
        ran = self._kubectl.run(*arguments, timeout_s=timeout_s)
        if ran.returncode:
            raise ClusterError(f"`kubectl {' '.join(arguments)}` failed: {ran.stderr.strip()}")

    def _once(self, count: int) -> Measured:
        self._drive(msgspec.structs.replace(self._load, run_time=_WARM_UP_S))
        cpu = read_cpu(self._kubectl)
        lines, polls = self._drive(self._load)
        load_average = os.getloadavg()[0]
        used = {name: seconds - cpu.get(name, 0.0) for name, seconds in read_cpu(self._kubectl).items()}
        return summarize(count, lines, polls, used, load_average)

    def _drive(self, load: Load) -> tuple[list[Line], list[HandledCount]]:
        before = self._handled(_PATIENCE_S)
        swarm, lines, polls = RemoteSwarm(load, self._locust), list[Line](), list[HandledCount]()

        def poll() -> int:
            """Return how many orders were accepted so far."""
            lines.extend(swarm.read())
            with contextlib.suppress(ShopError):  # polled again
                polls.append(HandledCount(time.time(), self._handled(0) - before))
            time.sleep(_POLL_S)
            return sum(isinstance(line, Accepted) for line in lines)

        try:
            while swarm.running():
                poll()
        finally:
            swarm.stop()
        accepted, deadline = poll(), time.monotonic() + _PATIENCE_S
        while not polls or polls[-1].handled < accepted or swarm.silent:
            if time.monotonic() > deadline:
                raise ClusterError(f"{accepted} orders were accepted, and {polls[-1:]} handled {_PATIENCE_S:.0f} s later.")
            accepted = poll()
        return lines, polls

    def _handled(self, patience_s: float) -> int:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return sum(item["version"] for item in self._client.stock())
            except ShopError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_S)  # the forward finds another pod


def _environment(count: int, name: str) -> dict[str, str]:
    return {
        "SHOP_KAFKA_TOPIC": f"orders.{name}",
        "SHOP_KAFKA_GROUP": name,
        "SHOP_KAFKA_PARTITIONS": str(count),
        "SHOP_DYNAMODB_TABLE": name,
    }


def summarize(
    count: int, lines: Sequence[Line], polls: Sequence[HandledCount], cpu_s: dict[str, float], load_average: float
) -> Measured:
    """Compute the results of one load, of which the last poll counts all handled orders. Raises ClusterError."""
    orders = sorted((line for line in lines if isinstance(line, Accepted)), key=lambda line: line.at)
    if len(orders) < 2 or orders[-1].at <= orders[0].at:
        raise ClusterError(f"{len(orders)} orders were accepted; too few to measure. Increase --time.")
    first, last = orders[0].at, orders[-1].at
    latencies = statistics.quantiles([order.at - order.began for order in orders], n=20, method="inclusive")
    # the first poll after the last order was accepted
    then = next((poll for poll in polls if poll.at >= last), polls[-1])
    done = next(poll for poll in polls if poll.handled >= polls[-1].handled)
    waited = polls[-1].handled - then.handled
    return Measured(
        replicas=count,
        accepted=len(orders),
        refused=sum(isinstance(line, Refused | Unanswered) for line in lines),
        tried_again=sum(isinstance(line, Retried) for line in lines),
        handled=polls[-1].handled,
        accepted_per_s=len(orders) / (last - first),
        p50_s=latencies[9],
        p95_s=latencies[18],
        handled_per_s=then.handled / (then.at - first),
        backlog=waited,
        afterwards_per_s=waited / (done.at - then.at) if waited and done.at > then.at else None,
        cpu_ms={name: 1000 * seconds / len(orders) for name, seconds in sorted(cpu_s.items())},
        load_average=load_average,
    )


def read_cpu(kubectl: Kubectl) -> dict[str, float]:
    """Wait for a kubelet's next update, about every ten seconds; return the pods' CPU seconds by workload. Raises ClusterError."""
    wanted, deadline = time.time(), time.monotonic() + _COUNTED_S
    while True:
        pods = kubectl.json("get", "pods", "--field-selector=status.phase=Running")["items"]
        workloads = {pod["metadata"]["name"]: pod["metadata"]["labels"].get("app.kubernetes.io/name", "") for pod in pods}
        nodes = sorted({pod["spec"]["nodeName"] for pod in pods})
        counted = [one for node in nodes for one in _summary(kubectl, node) if one["podRef"]["name"] in workloads]
        missing = workloads.keys() - {one["podRef"]["name"] for one in counted if counted_at(one) >= wanted}
        if not missing:
            return by_workload(counted, workloads)
        if time.monotonic() > deadline:
            names = ", ".join(sorted(missing))
            raise ClusterError(f"The kubelet did not update the CPU time of {names} in {_COUNTED_S:.0f} s.")
        time.sleep(1)


def _summary(kubectl: Kubectl, node: str) -> list[dict[str, Any]]:
    ran = kubectl.run("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary?only_cpu_and_memory=true")
    if ran.returncode:
        raise ClusterError(f"The kubelet of {node} returned no counters: {ran.stderr.strip()}")
    pods: list[dict[str, Any]] = json.loads(ran.stdout)["pods"]
    return [pod for pod in pods if pod["podRef"]["namespace"] == NAMESPACE and pod.get("containers")]


def counted_at(pod: Mapping[str, Any]) -> float:
    """Return when the first container was counted, in seconds since the epoch."""
    return min(datetime.fromisoformat(container["cpu"]["time"]).timestamp() for container in pod["containers"])


def by_workload(pods: Iterable[Mapping[str, Any]], workloads: Mapping[str, str]) -> dict[str, float]:
    """Add up a kubelet's CPU seconds by workload, given each pod's."""
    nanoseconds = Counter[str]()
    for pod in pods:
        nanoseconds[workloads[pod["podRef"]["name"]]] += sum(one["cpu"]["usageCoreNanoSeconds"] for one in pod["containers"])
    return {name: count / 1e9 for name, count in nanoseconds.items()}


def show_replicas(measured: Sequence[Measured]) -> None:
    """Print one line for each number of replicas, then the CPU time by workload."""
    heads = ("replicas and partitions", "accepted/s", "p50, p95", "handled/s meanwhile", "waited", "handled/s afterwards", "load")
    rows, cpu = table(*heads), table("CPU, ms an order", *(str(one.replicas) for one in measured))
    for one in measured:
        rows.add_row(
            str(one.replicas),
            f"{one.accepted_per_s:.1f}" + (f" ({one.refused} refused)" if one.refused else ""),
            f"{one.p50_s:.2f} s, {one.p95_s:.2f} s",
            f"{one.handled_per_s:.1f}",
            str(one.backlog),
            "" if one.afterwards_per_s is None else f"{one.afterwards_per_s:.1f}",
            f"{one.load_average:.0f}",
        )
    for name in sorted({name for one in measured for name in one.cpu_ms}):
        cpu.add_row(name, *(f"{one.cpu_ms.get(name, 0):.1f}" for one in measured))
    cpu.add_row("all", *(f"{sum(one.cpu_ms.values()):.1f}" for one in measured))
    stdout(160).print(rows, "", cpu, sep="\n")
