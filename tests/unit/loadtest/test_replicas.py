import json
import signal
from collections.abc import Iterator, Sequence

import pytest
from typer.testing import CliRunner

from loadtest import __main__ as commands
from loadtest.replicas import HandledCount, Measured, by_workload, counted_at, show_replicas, summarize
from loadtest.swarm import Accepted, Refused, Retried
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.model.errors import ClusterError


def accepted(at: float, took: float = 0.2) -> Accepted:
    return Accepted(order_id=str(at), trace_id="t", item_id=1, quantity=1, tries=1, at=at, began=at - took)


# Eleven orders in ten seconds. Then six are in the table, and the other five two seconds later.
ORDERS = [accepted(100.0 + second, 0.1 * (1 + second)) for second in range(11)]
LOOKS = [
    HandledCount(99.0, 0),
    HandledCount(105.0, 3),
    HandledCount(110.0, 6),
    HandledCount(111.0, 8),
    HandledCount(112.0, 11),
    HandledCount(113.0, 11),
]


def test_backlog_is_counted_apart_from_the_rate_under_load():
    others = [Refused(at=103.0, status=503, reason="kafka"), Retried(at=104.0, status=503, reason="kafka")]

    made = summarize(2, [*ORDERS[5:], *others, *ORDERS[:5]], LOOKS, {"orders": 0.11, "kafka": 0.055}, 4.0)

    assert (made.replicas, made.accepted, made.refused, made.tried_again, made.handled) == (2, 11, 1, 1, 11)
    assert made.accepted_per_s == pytest.approx(1.1)
    assert (made.handled_per_s, made.backlog, made.afterwards_per_s) == (0.6, 5, 2.5)
    assert made.p50_s == pytest.approx(0.6)
    assert made.p95_s == pytest.approx(1.05)
    assert made.cpu_ms == {"kafka": pytest.approx(5.0), "orders": pytest.approx(10.0)}


def test_without_a_backlog_there_is_no_rate_afterwards():
    made = summarize(1, ORDERS, [HandledCount(110.0, 11)], {}, 1.0)

    assert (made.backlog, made.afterwards_per_s) == (0, None)


def test_too_few_orders_are_an_error():
    with pytest.raises(ClusterError, match="1 orders were accepted"):
        summarize(1, ORDERS[:1], LOOKS, {}, 1.0)


def test_report_has_a_line_for_each_number_of_replicas(capsys: pytest.CaptureFixture[str]):
    made = [summarize(count, ORDERS, LOOKS, {"orders": 0.11, "kafka": 0.055}, 4.0) for count in (1, 2)]

    show_replicas(made)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["2", "1.1", "0.60", "s,", "1.05", "s", "0.6", "5", "2.5", "4"] in lines
    assert ["all", "15.0", "15.0"] in lines


def pod(name: str, *seconds: float, at: str = "2026-11-26T11:00:10Z") -> dict[str, object]:
    counted = [{"cpu": {"time": at, "usageCoreNanoSeconds": int(one * 1e9)}} for one in seconds]
    return {"podRef": {"name": name, "namespace": "virtual-shop"}, "containers": counted}


def test_cpu_of_a_workload_is_the_sum_of_its_containers():
    pods = [pod("orders-a", 1.5), pod("orders-b", 2.0, 0.25), pod("kafka-0", 4.0)]

    assert by_workload(pods, {"orders-a": "orders", "orders-b": "orders", "kafka-0": "kafka"}) == {"orders": 3.75, "kafka": 4.0}


def test_earliest_container_dates_the_counters_of_a_pod():
    late, early = pod("a", 1.0), pod("a", 1.0, at="2026-11-26T11:00:04Z")
    both = late | {"containers": [*late["containers"], *early["containers"]]}

    assert counted_at(late) - counted_at(both) == 6.0


def test_interrupted_run_prints_its_results(monkeypatch: pytest.MonkeyPatch):
    class Interrupted:
        def __init__(self, *_: object) -> None:
            pass

        def measure(self, counts: Sequence[int]) -> Iterator[Measured]:
            yield summarize(counts[0], ORDERS, LOOKS, {}, 4.0)
            signal.raise_signal(signal.SIGTERM)
            yield summarize(counts[1], ORDERS, LOOKS, {}, 4.0)

    monkeypatch.setattr(commands, "Replicas", Interrupted)
    monkeypatch.setattr(Kubectl, "current", staticmethod(lambda: None))
    before = signal.getsignal(signal.SIGTERM)
    try:
        ran = CliRunner().invoke(commands.app, ["replicas", "--counts=1,2", "--json"])
    finally:
        signal.signal(signal.SIGTERM, before)

    assert ran.exit_code == 130, ran.output
    assert [one["replicas"] for one in json.loads(ran.stdout)] == [1]
