"""Traces are read until they are whole, or until it is clear that they never will be."""

import time

import pytest

from loadtest import watching
from loadtest.judging import TAKEN
from loadtest.watching import FIRST_DELIVERY, Watcher
from vshop.traces import Trace, TraceError


class Reader:
    """Answers with the traces it was given; the first look at each sees nothing yet."""

    def __init__(self, traces):
        self.traces, self.seen = traces, set()
        self.orders = {}

    def get(self, trace_id):
        """Return a trace, unless it is the first time."""
        if trace_id not in self.seen:
            self.seen.add(trace_id)
            raise TraceError("not there yet")
        return self.traces[trace_id]

    def of_order(self, order_id):
        """Return the traces in which an order was processed."""
        return self.orders.get(order_id, [])


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Look often, give up soon."""
    monkeypatch.setattr(watching, "_FIRST_LOOK_S", 0.01)
    monkeypatch.setattr(watching, "_OVERTAKEN_S", 0.2)


@pytest.fixture
def watched(order):
    """Have orders judged, by number, whose traces are given, and return the watcher."""

    def watch(traces, **orders):
        reader = Reader({str(number): trace for number, trace in traces.items()})
        reader.orders = orders
        watcher = Watcher([reader, reader], patience_s=20)
        now = time.time()
        for number in traces:
            watcher.add(order(number, order_id=f"order{number}", trace_id=str(number), at=now + number / 1000))
        watcher.close(timeout_s=10)
        assert watcher.pending() == []
        return watcher

    return watch


def test_whole_traces(watched, whole):
    """Also those that were not there at the first look."""
    watcher = watched({1: whole(), 2: whole()})

    assert (watcher.whole, watcher.broken, watcher.doubled) == (2, [], [])


def test_a_broken_trace_is_found(watched, whole):
    """And it is said what is missing."""
    watcher = watched({1: whole(), 2: whole(without=("10",))})

    assert (watcher.whole, [(one.order.order_id, one.missing) for one in watcher.broken]) == (1, [("order2", TAKEN)])


def test_a_trace_that_was_never_there_is_broken(watched):
    assert len(watched({1: Trace("1", [])}).broken) == 1


def test_an_order_applied_twice_is_found(watched, whole):
    watcher = watched({1: whole(outcomes=("applied", "applied"))})

    assert [order.order_id for order in watcher.doubled] == ["order1"]


def test_a_duplicate_of_nothing_is_broken(watched, whole):
    """The delivery that was applied left no span: its process was killed before it could send any."""
    watcher = watched({1: whole(outcomes=("duplicate",))})

    assert [one.missing for one in watcher.broken] == [FIRST_DELIVERY]


def test_a_duplicate_of_an_earlier_try_is_whole(watched, whole):
    """Its shopper got no answer to that one; its trace shows the order applied."""
    watcher = watched({1: whole(outcomes=("duplicate",)), 2: whole()}, order1=["1", "2"])

    assert (watcher.whole, watcher.broken) == (2, [])


def test_sold_out_orders_are_counted(watched, whole):
    watcher = watched({1: whole(outcomes=("sold_out",))})

    assert [(order.item_id, order.quantity) for order in watcher.sold_out] == [(1, 2)]


class Busy:
    """A shop under load: each trace is whole a while after its order; counts the looks at it."""

    AFTER_S = 0.2

    def __init__(self, trace):
        self.trace, self.whole_at, self.looks = trace, {}, {}

    def get(self, trace_id):
        """Return the trace once it is whole."""
        self.looks[trace_id] = self.looks.get(trace_id, 0) + 1
        if time.time() < self.whole_at[trace_id]:
            raise TraceError("not there yet")
        return self.trace


def test_traces_that_take_long_are_not_looked_at_all_the_while(order, whole):
    """The first look comes when orders before were whole: looking costs the shop as much as an order does."""
    reader = Busy(whole())
    watcher = Watcher([reader], patience_s=20)
    for number in range(120):
        at = time.time()
        reader.whole_at[str(number)] = at + Busy.AFTER_S
        watcher.add(order(number, order_id=f"order{number}", trace_id=str(number), at=at))
        time.sleep(0.01)
    watcher.close(timeout_s=10)

    looks = [reader.looks[str(number)] for number in range(120)]
    assert watcher.whole == 120
    assert sum(looks[60:]) < 0.5 * len(looks[60:]) * looks[0]
