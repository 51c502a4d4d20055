"""Counts the orders of the order log, and compares the stock with them: as the services show it, and as Kafka and DynamoDB do."""

import contextlib
import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any, NamedTuple

import boto3
import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from loadtest.swarm import Accepted, Line, Refused, Retried, Unanswered


class OrderCounts:
    def __init__(self) -> None:
        self.accepted: list[Accepted] = []
        self.refused: Counter[str] = Counter()
        self.retried: Counter[str] = Counter()
        self.unsure: list[Unanswered] = []
        self.wrongly_answered: list[str] = []  # invalid orders with an unexpected answer

    def take(self, line: Line) -> None:
        match line:
            case Accepted():
                self.accepted.append(line)
                if line.wrong:
                    self.wrongly_answered.append(f"{line.wrong}: 202")
            case Refused():
                under = f" (under {line.incident})" if line.incident else ""
                self.refused[line.reason + (under or (f" (a wrong order: {line.wrong})" if line.wrong else ""))] += 1
                if line.deserved not in {None, line.status}:
                    self.wrongly_answered.append(f"{line.wrong}: {line.status}")
            case Retried():
                self.retried[line.reason] += 1
            case Unanswered():
                self.unsure.append(line)

    def of_letters(self, letters: Iterable[Mapping[str, Any]]) -> list[Accepted | None]:
        """Find each dead letter's order: by its order id, else its trace id."""
        known = {order.trace_id: order for order in self.accepted} | {order.order_id: order for order in self.accepted}
        found = []
        for letter in letters:
            order = known.get(letter["traceId"])
            with contextlib.suppress(ValueError, TypeError, LookupError):
                order = known[json.loads(letter["value"])["orderId"]]
            found.append(order)
        return found

    def most_between_tries(self) -> int:
        """Return the most orders for one item between an order's first and last try: below 100, every retry is recognised."""
        times: dict[int, list[float]] = defaultdict(list)
        for order in sorted(self.accepted, key=lambda order: order.at):
            times[order.item_id].append(order.at)
        retries = [(times[order.item_id], order) for order in self.accepted if order.tries > 1]
        return max((bisect_left(at, order.at) - bisect_right(at, order.began) for at, order in retries), default=0)


class StockLevel(NamedTuple):
    """An item's stock, and its version, which counts applied orders."""

    stock: int
    version: int


class ItemBalance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    item: int
    before: int
    after: int
    accepted_orders: int
    accepted_pieces: int
    sold_out_orders: int
    sold_out_pieces: int
    dead_orders: int
    dead_pieces: int
    unsure_orders: int
    unsure_pieces: int
    handled_orders: int
    expected: int
    difference: int
    """Positive if orders are lost, negative if they were applied twice."""

    @property
    def orders_due(self) -> int:
        return self.accepted_orders - self.sold_out_orders - self.dead_orders + self.unsure_orders

    @property
    def lost(self) -> int:
        return max(0, self.orders_due - self.handled_orders)

    @property
    def doubled(self) -> int:
        return max(0, self.handled_orders - self.orders_due)

    @property
    def even(self) -> bool:
        return self.difference == 0 and self.handled_orders == self.orders_due


def read_levels(items: Iterable[Mapping[str, Any]]) -> dict[int, StockLevel]:
    return {item["id"]: StockLevel(item["stock"], item["version"]) for item in items}


def compare_stock(
    before: Mapping[int, StockLevel], after: Mapping[int, StockLevel], **groups: Iterable[Accepted | Unanswered]
) -> list[ItemBalance]:
    """Compare expected and actual stock of every item.

    The groups of orders are named as in ItemBalance: ``accepted``, of these ``sold_out`` and ``dead``, and ``unsure``, which got
    no answer, but were applied.
    """
    orders: dict[int, Counter[str]] = defaultdict(Counter)
    for name, group in groups.items():
        for order in group:
            orders[order.item_id].update({f"{name}_orders": 1, f"{name}_pieces": order.quantity})
    return [_balance(item, before[item], after[item], orders[item]) for item in sorted(before)]


def _balance(item: int, before: StockLevel, after: StockLevel, orders: Counter[str]) -> ItemBalance:
    taken = orders["accepted_pieces"] - orders["sold_out_pieces"] - orders["dead_pieces"] + orders["unsure_pieces"]
    counts = {name: orders[name] for name in ItemBalance.__struct_fields__ if name.endswith(("_orders", "_pieces"))}
    expected = before.stock - taken
    return ItemBalance(
        **(counts | {"handled_orders": after.version - before.version}),
        item=item,
        before=before.stock,
        after=after.stock,
        expected=expected,
        difference=after.stock - expected,
    )


REMEMBERED = 100  # order ids that an item remembers, see `stock_updater.item`


class OrderDifferences(NamedTuple):
    lost: list[str]
    """Empty if unknown because some orders went unseen."""
    doubled: list[str]
    """One that was applied three times is listed twice."""
    of_others: list[str]


class AppliedOrders:
    """Ids of the orders applied from now on, by polling each item's recent orders."""

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        self.taken: Counter[str] = Counter()  # by order id, how often it was applied
        self.unseen = 0  # upper bound of the ids that were evicted between two polls
        self._last = {item["id"]: (item["version"], list(item["recent"])) for item in items}

    def look(self, items: Iterable[Mapping[str, Any]]) -> None:
        for item in items:
            version, before = self._last[item["id"]]
            now, versions = list(item["recent"]), item["version"] - version
            removed, new = _changes(before, now, versions)
            self.taken -= Counter(removed)
            self.taken.update(new)
            if len(new) == len(now) >= REMEMBERED:  # no id of the last poll is left
                self.unseen += max(0, versions - len(new))
            self._last[item["id"]] = (item["version"], now)

    def compare(self, accepted: Collection[str], elsewhere: Collection[str], unsure: Collection[str]) -> OrderDifferences:
        """Compare applied and accepted ids.

        Those `elsewhere` were sold out or are dead letters; those `unsure` got no answer and may have been applied.
        """
        missing = [one for one in accepted if one not in self.taken and one not in elsewhere]
        doubled = [one for one, times in self.taken.items() for _ in range(times - 1)]
        of_others = [one for one in self.taken if one not in accepted and one not in unsure]
        return OrderDifferences([] if self.unseen else missing, doubled, of_others)


def _changes(before: list[str], now: list[str], versions: int) -> tuple[list[str], list[str]]:
    """Return the ids that a rollback of the table removed, and those that were applied since."""
    for count in range(min(versions, len(now)) + 1):
        grown = before + now[len(now) - count :]
        if len(grown) >= len(now) and grown[len(grown) - len(now) :] == now:
            return [], now[len(now) - count :]
    begin = next((place for place, one in enumerate(now) if one in before), None)
    if begin is None:
        return [], now
    pairs = zip(before[before.index(now[begin]) :], now[begin:], strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return before[before.index(now[begin]) + shared :], now[begin + shared :]


TOPIC, GROUP, TABLE = "queuing.retail_site.new_orders", "stock-updater", "item-stock"
_TIMEOUT_S = 30.0
_CREDENTIALS = {"region_name": "us-east-1", "aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"}


class History:
    """Judges by Kafka's records, the raw table and the shoppers' log, without code of the services or the client.

    Each order on the topic that is no dead letter must be in the stock exactly once, and each accepted order on the topic.
    """

    def __init__(self, kafka: str, dynamodb: str) -> None:
        self.kafka, self._dynamodb = kafka, boto3.client("dynamodb", endpoint_url=dynamodb, **_CREDENTIALS)
        self._orders: dict[str, tuple[int, int]] = {}  # item and quantity by order id, of all topics that were read
        self._initial = self._stock()

    def read_topic(self) -> Message | None:
        """Remember the orders on a topic that will be removed, and return its last record."""
        last = None
        for last in self._read(TOPIC):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                order = json.loads(last.value() or b"")
                self._orders[order["orderId"]] = (order["itemId"], order["quantity"])
        return last

    def judge(self, log: Iterable[Accepted]) -> list[str]:
        """Return the contradictions between the shoppers' accepted orders, the topics and the table."""
        self.read_topic()
        dead = {json.loads(record.value() or b"{}").get("orderId") for record in self._read(f"{TOPIC}.dlq")}
        accepted = {order.order_id: (order.item_id, order.quantity) for order in log}
        problems = [f"order {one} was accepted, but is on no topic" for one in accepted.keys() - self._orders.keys()]
        changed = [one for one, order in accepted.items() if self._orders.get(one, order) != order]
        problems += [f"order {one} differs from its record" for one in changed]
        taken = Counter[int]()
        for order_id, (item, quantity) in self._orders.items():
            taken[item] += 0 if order_id in dead else quantity
        for item, stock in self._stock().items():
            due = self._initial[item] - taken[item]
            if stock != due and due >= 0:
                problems.append(f"item {item} has {stock} pieces; {due} after the {len(self._orders)} orders on the topics")
        return problems

    def _read(self, topic: str) -> Iterator[Message]:
        settings = {"bootstrap.servers": self.kafka, "group.id": "history", "enable.auto.commit": False}
        consumer = Consumer({**settings, "enable.partition.eof": True, "auto.offset.reset": "earliest", "log_level": 0})
        try:
            partitions = consumer.list_topics(topic, _TIMEOUT_S).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            left = set(partitions)
            while left:
                message = consumer.poll(_TIMEOUT_S)
                if message is None:
                    raise TimeoutError(f"{topic} cannot be read within {_TIMEOUT_S:g} s")
                error = message.error()
                if error is None:
                    yield message
                elif error.name() == "_PARTITION_EOF":
                    left.discard(message.partition())
        finally:
            consumer.close()

    def _stock(self) -> dict[int, int]:
        items = self._dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return {int(item["id"]["S"]): int(item["stock"]["N"]) for item in items if item["id"]["S"].isdigit()}


class Backlog:
    """Orders that stock-updater has not committed, read from Kafka: polling the stock would load the shop."""

    def __init__(self, bootstrap: str, topic: str = TOPIC, group: str = GROUP) -> None:
        self._observer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 2})
        known = self._observer.list_topics(topic, _TIMEOUT_S).topics[topic].partitions
        self._partitions = [TopicPartition(topic, partition) for partition in known]

    def waiting(self) -> int:
        waiting = 0
        for place in self._observer.committed(self._partitions, _TIMEOUT_S):
            low, high = self._observer.get_watermark_offsets(place, _TIMEOUT_S)
            waiting += high - max(place.offset, low)  # a negative offset means that nothing is committed yet
        return waiting

    def close(self) -> None:
        self._observer.close()
