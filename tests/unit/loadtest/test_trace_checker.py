import time

import pytest

from loadtest import trace_check
from loadtest.trace_check import FIRST_DELIVERY, PROCESS, TraceChecker
from vshop.shop.traces import Trace, TraceError


class Reader:
    def __init__(self, traces):
        self.traces, self.seen = traces, set()
        self.orders = {}

    def get(self, trace_id):
        if trace_id not in self.seen:
            self.seen.add(trace_id)
            raise TraceError("not there yet")
        return self.traces[trace_id]

    def of_order(self, order_id):
        return self.orders.get(order_id, [])


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(trace_check, "_FIRST_LOOK_S", 0.01)
    monkeypatch.setattr(trace_check, "_OVERTAKEN_S", 0.2)


@pytest.fixture
def watched(order):
    def watch(traces, **orders):
        reader = Reader({str(number): trace for number, trace in traces.items()})
        reader.orders = orders
        watcher = TraceChecker([reader, reader], patience_s=20)
        now = time.time()
        for number in traces:
            watcher.add(order(number, order_id=f"order{number}", trace_id=str(number), at=now + number / 1000))
        watcher.close(timeout_s=10)
        assert watcher.pending() == []
        return watcher

    return watch


def test_whole_traces(watched, whole):
    watcher = watched({1: whole(), 2: whole()})

    assert (watcher.whole, watcher.broken, watcher.doubled) == (2, [], [])


def test_a_broken_trace_is_found(watched, whole):
    watcher = watched({1: whole(), 2: whole(without=("10",))})

    assert (watcher.whole, [(one.order.order_id, one.missing) for one in watcher.broken]) == (1, [("order2", PROCESS)])


def test_missing_trace_is_broken(watched):
    assert len(watched({1: Trace("1", [])}).broken) == 1


def test_an_order_applied_twice_is_found(watched, whole):
    watcher = watched({1: whole(outcomes=("applied", "applied"))})

    assert [order.order_id for order in watcher.doubled] == ["order1"]


def test_a_duplicate_of_nothing_is_broken(watched, whole):
    """The process that applied it was killed before it exported its spans."""
    watcher = watched({1: whole(outcomes=("duplicate",))})

    assert [one.missing for one in watcher.broken] == [FIRST_DELIVERY]


def test_a_duplicate_of_an_earlier_try_is_whole(watched, whole):
    """The trace of the earlier try shows that it was applied."""
    watcher = watched({1: whole(outcomes=("duplicate",)), 2: whole()}, order1=["1", "2"])

    assert (watcher.whole, watcher.broken) == (2, [])


def test_sold_out_orders_are_counted(watched, whole):
    watcher = watched({1: whole(outcomes=("sold_out",))})

    assert [(order.item_id, order.quantity) for order in watcher.sold_out] == [(1, 2)]


class Busy:
    AFTER_S = 0.2

    def __init__(self, trace):
        self.trace, self.whole_at, self.looks = trace, {}, {}

    def get(self, trace_id):
        self.looks[trace_id] = self.looks.get(trace_id, 0) + 1
        if time.time() < self.whole_at[trace_id]:
            raise TraceError("not there yet")
        return self.trace


@pytest.mark.timing
def test_slow_traces_are_not_polled_all_the_time(order, whole):
    """A read costs the shop as much as an order, so the first read comes at the age at which earlier traces were complete."""
    reader = Busy(whole())
    watcher = TraceChecker([reader], patience_s=20)
    for number in range(120):
        at = time.time()
        reader.whole_at[str(number)] = at + Busy.AFTER_S
        watcher.add(order(number, order_id=f"order{number}", trace_id=str(number), at=at))
        time.sleep(0.01)
    watcher.close(timeout_s=10)

    looks = [reader.looks[str(number)] for number in range(120)]
    assert watcher.whole == 120
    assert sum(looks[60:]) < 0.5 * len(looks[60:]) * looks[0]
