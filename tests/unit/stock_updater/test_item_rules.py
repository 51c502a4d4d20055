"""Whatever is delivered again, in whichever order, the stock is the initial one less every order once."""

import random

import pytest

from stock_updater.item import EARLIER, RECENT, RecordPosition, StockItem


def _chance(seed):
    return random.Random(seed)  # noqa: S311 - chance, not secrecy


class Log:
    """One item's orders on the partitions of a topic, read as consumers read them: in order, and again from earlier places."""

    def __init__(self, chance, make_order):
        self.chance = chance
        self.make_order = make_order
        self.partitions = [[] for _ in range(chance.randint(1, 3))]
        self.read = [0] * len(self.partitions)
        self.item = StockItem(id="1", name="Backpack", stock=100_000)
        self.letters = {}

    def append(self, order, replay_of=None):
        self.chance.choice(self.partitions).append((order, replay_of))

    def step(self):
        sent = [order for partition in self.partitions for order, _ in partition]
        match self.chance.choices(["new", "retry", "replay", "rebalance", "deliver"], [3, 1, 1, 1, 8])[0]:
            case "new" if len({order.order_id for order in sent}) < RECENT:
                self.append(self.make_order(f"o{len(sent)}", self.chance.randint(1, 9)))
            case "retry" if sent:
                self.append(self.chance.choice(sent))
            case "replay" if self.letters:
                letter_id = self.chance.choice(list(self.letters))
                self.append(self.letters[letter_id], letter_id)
            case "rebalance":
                partition = self.chance.randrange(len(self.partitions))
                self.read[partition] = self.chance.randint(0, self.read[partition])
            case _:
                self.deliver(self.chance.randrange(len(self.partitions)), may_fail=True)

    def deliver(self, partition, *, may_fail):
        offset = self.read[partition]
        if offset >= len(self.partitions[partition]):
            return False
        order, replay_of = self.partitions[partition][offset]
        self.read[partition] += 1
        if may_fail and self.chance.random() < 0.1:
            self.letters[f"0-{len(self.letters)}"] = order
            return True
        position = RecordPosition(partition, offset, replay_of)
        if not self.item.includes(order, position):
            self.item = self.item.after(order, position)
        return True

    def finish(self):
        for letter_id, order in self.letters.items():
            self.append(order, letter_id)
        for partition in range(len(self.partitions)):
            while self.deliver(partition, may_fail=False):
                pass


@pytest.mark.parametrize("seed", range(100))
def test_every_order_counts_once(make_order, seed):
    log = Log(_chance(seed), make_order)
    for _ in range(log.chance.randint(5, 200)):
        log.step()
    log.finish()

    distinct = {order.order_id: order.quantity for partition in log.partitions for order, _ in partition}
    assert log.item.ordered == sum(distinct.values())
    assert log.item.stock == 100_000 - sum(distinct.values())
    assert log.item.version == len(distinct)


def test_the_rules_are_needed(make_order):
    wrong = dict.fromkeys(("applied", "replayed", "recent"), 0)
    for rule in wrong:
        for seed in range(50):
            log = Log(_chance(seed), make_order)
            log.item = _forgetting(rule)(id="1", name="Backpack", stock=100_000)
            for _ in range(log.chance.randint(5, 200)):
                log.step()
            log.finish()
            distinct = {order.order_id: order.quantity for partition in log.partitions for order, _ in partition}
            wrong[rule] += log.item.ordered != sum(distinct.values())

    assert wrong["recent"] > 0
    # Of the orders within `recent`, offsets and letters say nothing new; they are what is left when it has forgotten (below).
    assert (wrong["applied"], wrong["replayed"]) == (0, 0)


def _forgetting(rule):
    class Forgetful(StockItem, frozen=True, kw_only=True):
        def after(self, order, position):
            item = super().after(order, position)
            return type(self)(
                **{name: getattr(item, name) for name in item.__struct_fields__} | {rule: type(getattr(item, rule))()}
            )

    return Forgetful


def test_an_offset_is_recognised_after_the_order_id_is_evicted(make_order):
    item = _after_many(make_order, StockItem(id="1", name="Backpack", stock=1000))

    assert "first" not in item.recent
    assert item.includes(make_order("first"), RecordPosition(0, 0))


def test_a_replay_is_recognised_after_the_order_id_is_evicted(make_order):
    """By its order id, at any offset: a topic that was created again repeats the ids of its records."""
    item = _after_many(make_order, StockItem(id="1", name="Backpack", stock=1000), replay_of="0-7")

    assert item.includes(make_order("first"), RecordPosition(0, 999, "0-7"))
    assert not item.includes(make_order("another"), RecordPosition(0, 999, "0-7"))


def _after_many(make_order, item, replay_of=None, count=RECENT + EARLIER):
    item = item.after(make_order("first"), RecordPosition(0, 0, replay_of))
    for number in range(1, count + 1):
        item = item.after(make_order(f"o{number}"), RecordPosition(0, number))
    return item


def test_the_number_of_order_ids_is_bounded(make_order):
    """An item must fit DynamoDB's limit of 400 kB."""
    item = _after_many(make_order, StockItem(id="1", name="Backpack", stock=1000))

    assert len(item.recent) == RECENT
    assert len(item.earlier) == 8 * EARLIER
    assert item.recent[-1] == f"o{RECENT + EARLIER}"
    assert item.applied == {"0": RECENT + EARLIER}


def test_the_youngest_400_orders_are_recognised_if_another_producer_sends_them_again(make_order):
    """At new offsets: a mirror, or a producer without idempotence."""
    item = _after_many(make_order, StockItem(id="1", name="Backpack", stock=1000))
    numbers = range(1, RECENT + EARLIER + 1)

    assert [number for number in numbers if not item.includes(make_order(f"o{number}"), RecordPosition(0, 10_000 + number))] == []
    assert not item.includes(make_order("first"), RecordPosition(0, 20_000))
    assert not item.includes(make_order("another"), RecordPosition(0, 20_000))
