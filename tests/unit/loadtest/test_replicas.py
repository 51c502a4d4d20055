"""The figures of a load on more replicas: reckoned, and shown."""

import io
import json
import signal
from collections.abc import Iterator, Sequence

import pytest
from rich.console import Console
from typer.testing import CliRunner

from loadtest import cli
from loadtest.ledger import Accepted, Refused, Retried
from loadtest.pod_cpu import by_workload, looked_at
from loadtest.printing import show_replicas
from loadtest.replicas import Look, Measured, reckon
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.errors import ClusterError


def accepted(at: float, took: float = 0.2) -> Accepted:
    """An order that was accepted."""
    return Accepted(order_id=str(at), trace_id="t", item_id=1, quantity=1, tries=1, at=at, began=at - took)


# Eleven orders in ten seconds; the table has six of them then, and the other five two seconds later.
ORDERS = [accepted(100.0 + second, 0.1 * (1 + second)) for second in range(11)]
LOOKS = [Look(99.0, 0), Look(105.0, 3), Look(110.0, 6), Look(111.0, 8), Look(112.0, 11), Look(113.0, 11)]


def test_figures_of_a_load():
    """Rates are of the time in which they came about; what had waited is counted apart."""
    others = [Refused(at=103.0, status=503, reason="kafka"), Retried(at=104.0, status=503, reason="kafka")]

    made = reckon(2, [*ORDERS[5:], *others, *ORDERS[:5]], LOOKS, {"orders": 0.11, "kafka": 0.055}, 4.0)

    assert (made.replicas, made.accepted, made.refused, made.tried_again, made.handled) == (2, 11, 1, 1, 11)
    assert made.accepted_per_s == pytest.approx(1.1)
    assert (made.handled_per_s, made.backlog, made.afterwards_per_s) == (0.6, 5, 2.5)
    assert made.p50_s == pytest.approx(0.6)
    assert made.p95_s == pytest.approx(1.05)
    assert made.cpu_ms == {"kafka": pytest.approx(5.0), "orders": pytest.approx(10.0)}


def test_nothing_waited():
    """What was handled as it came has no rate of its own afterwards."""
    made = reckon(1, ORDERS, [Look(110.0, 11)], {}, 1.0)

    assert (made.backlog, made.afterwards_per_s) == (0, None)


def test_hardly_an_order_is_no_measurement():
    """It is told, instead of a division by nothing."""
    with pytest.raises(ClusterError, match="1 orders were accepted"):
        reckon(1, ORDERS[:1], LOOKS, {}, 1.0)


def test_shown_for_people():
    """A line for each number, and what an order costs each workload."""
    made = [reckon(count, ORDERS, LOOKS, {"orders": 0.11, "kafka": 0.055}, 4.0) for count in (1, 2)]
    out = io.StringIO()

    show_replicas(made, Console(file=out, width=160))

    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["2", "1.1", "0.60", "s,", "1.05", "s", "0.6", "5", "2.5", "4"] in lines
    assert ["all", "15.0", "15.0"] in lines


def pod(name: str, *seconds: float, at: str = "2026-11-26T11:00:10Z") -> dict[str, object]:
    """A pod as a kubelet's summary has it."""
    counted = [{"cpu": {"time": at, "usageCoreNanoSeconds": int(one * 1e9)}} for one in seconds]
    return {"podRef": {"name": name, "namespace": "virtual-shop"}, "containers": counted}


def test_cpu_of_a_workload_is_that_of_its_pods():
    """All containers of all its pods."""
    pods = [pod("orders-a", 1.5), pod("orders-b", 2.0, 0.25), pod("kafka-0", 4.0)]

    assert by_workload(pods, {"orders-a": "orders", "orders-b": "orders", "kafka-0": "kafka"}) == {"orders": 3.75, "kafka": 4.0}


def test_a_pod_was_looked_at_when_its_last_container_was():
    """So the earliest moment counts."""
    late, early = pod("a", 1.0), pod("a", 1.0, at="2026-11-26T11:00:04Z")
    both = late | {"containers": [*late["containers"], *early["containers"]]}

    assert looked_at(late) - looked_at(both) == 6.0


def test_ended_early_it_tells_what_it_has(monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C, or SIGTERM: the numbers before it are not lost, and the exit status says that some are missing."""

    class Interrupted:
        def __init__(self, *_: object) -> None:
            pass

        def measure(self, counts: Sequence[int]) -> Iterator[Measured]:
            yield reckon(counts[0], ORDERS, LOOKS, {}, 4.0)
            signal.raise_signal(signal.SIGTERM)
            yield reckon(counts[1], ORDERS, LOOKS, {}, 4.0)

    monkeypatch.setattr(cli, "Replicas", Interrupted)
    monkeypatch.setattr(Kubectl, "current", staticmethod(lambda: None))
    before = signal.getsignal(signal.SIGTERM)
    try:
        ran = CliRunner().invoke(cli.app, ["replicas", "--counts=1,2", "--json"])
    finally:
        signal.signal(signal.SIGTERM, before)

    assert ran.exit_code == 130, ran.output
    assert [one["replicas"] for one in json.loads(ran.stdout)] == [1]
