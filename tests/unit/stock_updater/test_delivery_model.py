"""A small model of consumers, table and broker, checked in every interleaving (docs/delivery.md).

One item, one partition, two consumers. The rules are the real ones: `choose_start` and `StockItem`. The item remembers no order
ids here, so that offsets and positions alone have to do.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from stock_updater import positions
from stock_updater.item import RecordPosition, StockItem, TablePosition
from vshop.kit.order import NewOrder

ORDER = NewOrder(order_id="not remembered", item_id=1, username="ada", quantity=1, placed_at="2026-01-01T00:00:00.000Z")


class Table(NamedTuple):
    version: int = 0
    applied: tuple[tuple[str, int], ...] = ()
    position: TablePosition | None = None
    history: tuple[tuple[str, int], ...] = ()


class Worker(NamedTuple):
    """A consumer. ``read`` is the version that it has read for the record in progress."""

    topic: str
    log_id: str
    next: int
    is_owner: bool
    read: int | None = None


class State(NamedTuple):
    topic: str = "a"
    end: int = 0
    committed: int | None = None
    table: Table = Table()
    snapshot: Table | None = None
    workers: tuple[Worker | None, Worker | None] = (None, None)
    orders: int = 2
    crashes: int = 1
    pauses: int = 1
    rollbacks: int = 1
    topics: int = 1


class Rules:
    def start(self, state: State) -> TablePosition:
        table = state.table
        is_empty = table.position is None and not table.applied
        return positions.choose_start(table.position, state.topic, None if is_empty else state.committed, 0, state.end).position

    def includes(self, table: Table, place: RecordPosition) -> bool:
        return self.item(table).includes(ORDER, place)

    def item(self, table: Table) -> StockItem:
        return StockItem(id="1", name="Backpack", stock=100, version=table.version, applied=dict(table.applied))

    def apply(self, table: Table, place: RecordPosition, topic: str) -> Table:
        item = self.item(table).after(ORDER, place)
        history = tuple(sorted([*table.history, (topic, place.offset)]))
        return table._replace(version=item.version, applied=tuple(sorted(item.applied.items())), history=history)

    def may_write(self, table: Table, worker: Worker) -> bool:
        return table.version == worker.read


class Explorer:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.transitions = 0

    def explore(self, first: State) -> int:
        seen, todo = {first}, [first]
        while todo:
            state = todo.pop()
            assert len(set(state.table.history)) == len(state.table.history), f"counted twice: {state}"
            self.check_end(state)
            for after in self.steps(state):
                self.transitions += 1
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
        return len(seen)

    def check_end(self, state: State) -> None:
        state = self.assign(state._replace(workers=(None, None)), 0)
        for _ in range(2 * state.end + 1):
            state = next(self.work(state, 0), state)
        found = [offset for topic, offset in state.table.history if topic == state.topic]
        assert found == [*range(state.end)], f"lost or counted twice: {state}"

    def steps(self, state: State) -> Iterator[State]:
        if state.orders:
            yield state._replace(end=state.end + 1, orders=state.orders - 1)
        if state.snapshot is None and state.rollbacks:  # at first, the table is empty
            yield state._replace(snapshot=state.table)
        if state.snapshot is not None and state.workers == (None, None):
            yield state._replace(table=state.snapshot, snapshot=None, rollbacks=state.rollbacks - 1)
        everything = {(state.topic, offset) for offset in range(state.end)}
        if state.topics and everything <= set(state.table.history):  # what only the old topic had is gone with it
            yield state._replace(topic=state.topic + "'", end=0, committed=None, topics=state.topics - 1)
        for number, worker in enumerate(state.workers):
            if worker is None:
                is_free = not any(other is not None and other.is_owner for other in state.workers)
                if is_free or state.pauses:  # the other one was paused, and lost the partition without knowing
                    yield self.assign(state if is_free else state._replace(pauses=state.pauses - 1), number)
                continue
            yield from self.work(state, number)
            yield from self.leave(state, number, worker)

    def assign(self, state: State, number: int) -> State:
        start = self.rules.start(state)
        others = tuple(None if one is None else one._replace(is_owner=False) for one in state.workers)
        state = state._replace(workers=others, table=state.table._replace(position=start))
        return put(state, number, Worker(state.topic, start.log_id, start.offset, is_owner=True))

    def work(self, state: State, number: int) -> Iterator[State]:
        worker = state.workers[number]
        place = RecordPosition(0, worker.next, None, worker.log_id)
        if worker.read is None:
            if worker.topic == state.topic and worker.next < state.end:
                is_done = self.rules.includes(state.table, place)
                yield put(
                    state, number, worker._replace(next=worker.next + 1) if is_done else worker._replace(read=state.table.version)
                )
        elif self.rules.may_write(state.table, worker):
            table = self.rules.apply(state.table, place, worker.topic)
            yield put(state._replace(table=table), number, worker._replace(next=worker.next + 1, read=None))
        else:
            yield put(state, number, worker._replace(read=None))

    def leave(self, state: State, number: int, worker: Worker) -> Iterator[State]:
        if worker.is_owner and worker.topic == state.topic and state.committed != worker.next:
            yield state._replace(committed=worker.next)
        position = TablePosition(worker.topic, worker.log_id, worker.next)
        if state.table.position != position:
            yield state._replace(table=state.table._replace(position=position))  # also by one that has lost the partition
        if state.crashes:
            yield put(state._replace(crashes=state.crashes - 1), number, None)
        if worker.topic != state.topic or not worker.is_owner:
            yield put(state, number, None)


def put(state: State, number: int, worker: Worker | None) -> State:
    workers = list(state.workers)
    workers[number] = worker
    return state._replace(workers=(workers[0], workers[1]))


@pytest.mark.parametrize(
    ("first", "states", "transitions"),
    [(State(), 60_503, 257_644), (State(orders=3, topics=0), 58_113, 273_456), (State(orders=3, rollbacks=0), 26_237, 121_351)],
    ids=["all faults", "one topic", "no rollback"],
)
def test_every_interleaving_counts_every_order_once(first, states, transitions):
    explorer = Explorer(Rules())

    assert (explorer.explore(first), explorer.transitions) == (states, transitions)


class CommittedOffsetOnly(Rules):
    """Starts where the group is, wherever the table is."""

    def start(self, state):
        return TablePosition(state.topic, "", state.committed or 0)


class CommittedOffsetOfAnEmptyTable(Rules):
    """Starts where the group is, if the table has no position."""

    def start(self, state):
        return positions.choose_start(state.table.position, state.topic, state.committed, 0, state.end).position


class NoTopicId(Rules):
    """Takes every topic of the name for the same one."""

    def start(self, state):
        known = state.table.position
        same = None if known is None else known._replace(topic_id=state.topic)
        return positions.choose_start(same, state.topic, state.committed, 0, max(state.end, same.offset if same else 0)).position


class NoAppliedOffsets(Rules):
    def includes(self, _table, _place):
        return False


class UnconditionalWrites(Rules):
    def may_write(self, _table, _worker):
        return True


@pytest.mark.parametrize(
    "rules", [CommittedOffsetOnly, CommittedOffsetOfAnEmptyTable, NoTopicId, NoAppliedOffsets, UnconditionalWrites]
)
def test_every_rule_is_needed(rules):
    with pytest.raises(AssertionError, match=r"lost|twice"):
        Explorer(rules()).explore(State())
