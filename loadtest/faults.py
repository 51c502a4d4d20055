"""The faults of torture, planned with a seed."""

import json
import random
import shutil
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from loadtest.history import GROUP, TOPIC, History
from loadtest.proxy import Mode
from loadtest.report import Fault
from loadtest.targets import LINKS, Processes
from vshop.shop.client import ShopClient

ORDERS_A_ROUND = 10_000
_PARTITIONS = 4
_FULL_BYTES = 4096
_TIMEOUT_S = 30.0
_REFUSALS = (
    (408, "RequestTimeout"),
    (400, "ThrottlingException"),
    (400, "ProvisionedThroughputExceededException"),
    (429, "TooManyRequestsException"),
    (400, "TransactionInProgressException"),
    (500, "InternalServerError"),
)
_CLOCK_ERRORS = ((400, "InvalidSignatureException"), (403, "RequestExpired"), (403, "RequestTimeTooSkewed"))
_KILLED = ("stock-updater", "orders", "dynamodb", "auth-stub", "kafka", "observatory", "console")
_NETWORK = (Mode.LATENCY, Mode.HALF_OPEN, Mode.BLACK_HOLE, Mode.RESET, Mode.FLAPPING)


class Action(NamedTuple):
    """What happens to a part, and for how long."""

    part: str
    how: str
    seconds: float = 0.0


def _pauses(rng: random.Random) -> list[Action]:
    other = rng.choice(["orders", "auth-stub", "kafka", "dynamodb", "observatory"])
    # A group's member that is silent for 6 s loses its partitions.
    return [Action("stock-updater", "paused", rng.uniform(6.5, 16)), Action(other, "paused", rng.uniform(1, 5))]


def _partitions(rng: random.Random) -> list[Action]:
    return [Action(rng.choice(LINKS), f"partitioned, {mode}", rng.uniform(2, 6)) for mode in _NETWORK]


def _refusals(rng: random.Random) -> list[Action]:
    return [Action("dynamodb", "refuses, {} {}".format(*rng.choice(_REFUSALS)), rng.uniform(2, 5))]


def _clocks(rng: random.Random) -> list[Action]:
    return [Action("dynamodb", "refuses, {} {}".format(*rng.choice(_CLOCK_ERRORS)), rng.uniform(2, 5))]


KINDS: dict[str, Callable[[random.Random], list[Action]]] = {
    "kill": lambda _: [Action(part, "killed") for part in _KILLED],
    "restart": lambda _: [Action("dynamodb", "restarted"), Action("kafka", "restarted")],
    "incident": lambda _: [Action("auth-stub", "under auth-read-timeout")],
    "pause": _pauses,
    "partition": _partitions,
    "refusal": _refusals,
    "clock": _clocks,
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


class InjectionError(Exception):
    """A fault could not be injected."""


class Injection:
    """Injects faults that need the processes or data of a shop."""

    def __init__(self, target: Processes, history: History, accepted: Callable[[], int]) -> None:
        self._target, self._history, self._accepted = target, history, accepted
        self._servers: dict[str, str | int | float | bool] = {"bootstrap.servers": target.kafka, "log_level": 0}

    def inject(self, action: Action, oldest_at: float) -> list[Fault]:
        """Inject a fault and end it; return the kills that it needed."""
        began = time.time()
        match action.how.partition(", "):
            case "paused", _, _:
                self._pause(action)
            case "partitioned", _, mode:
                self._through_proxy(action, Mode(mode))
            case "refuses", _, text:
                self._through_proxy(action, Mode.ANSWER, http_refusal(*text.split(" ")))
            case "full disk", _, _:
                self._fill_disk(action)
            case "rolled back", _, _:
                self._roll_back(action)
                return [Fault(part="stock-updater", what="killed", at=began, back_at=time.time(), oldest_at=oldest_at)]
            case "topic re-created", _, _:
                self._recreate_topic()
            case "rebalance storm", _, _:
                self._rebalance(action)
            case _:
                self._end_transactions()
        return []

    def _pause(self, action: Action) -> None:
        process = self._target.process(action.part)
        process.suspend()
        try:
            time.sleep(action.seconds)
        finally:
            process.resume()

    def _through_proxy(self, action: Action, mode: Mode, refusal: bytes = b"") -> None:
        proxy = self._target.proxies[action.part]
        proxy.set(mode, refusal)
        try:
            time.sleep(action.seconds)
        finally:
            proxy.set(Mode.OPEN)

    def _fill_disk(self, action: Action) -> None:
        process = self._target.process(action.part)
        process.rlimit(psutil.RLIMIT_FSIZE, (_FULL_BYTES, psutil.RLIM_INFINITY))
        time.sleep(action.seconds)
        self._target.kill(action.part)
        self._target.start(action.part)

    def _roll_back(self, action: Action) -> None:
        """By a copy that some orders are missing from, as a restored backup is."""
        home, copy = self._target.home, self._target.home.path / "copy"
        sources = [path for path in (home.dynamodb, home.stock, home.stock_log) if path.exists()]
        self._target.kill("dynamodb")
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for path in sources:
            shutil.copytree(path, copy / path.name) if path.is_dir() else shutil.copy2(path, copy)
        self._target.start("dynamodb")
        before, deadline = self._accepted(), time.monotonic() + _TIMEOUT_S
        time.sleep(action.seconds)
        while self._accepted() < before + 10 and time.monotonic() < deadline:
            time.sleep(0.2)
        for part in ("stock-updater", "dynamodb"):
            self._target.kill(part)
        for path in sources:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            shutil.copytree(copy / path.name, path) if (copy / path.name).is_dir() else shutil.copy2(copy / path.name, path)
        for part in ("dynamodb", "stock-updater"):
            self._target.start(part)

    def _recreate_topic(self) -> None:
        orders, admin = self._target.process("orders"), AdminClient(self._servers)
        orders.suspend()
        try:
            self._await_handled()
            self._history.read_topic()
            admin.delete_topics([TOPIC], operation_timeout=_TIMEOUT_S)[TOPIC].result()
            self._await(lambda: TOPIC not in admin.list_topics(timeout=_TIMEOUT_S).topics)
            admin.create_topics([NewTopic(TOPIC, _PARTITIONS, 1)])[TOPIC].result()
            self._await(lambda: TOPIC in admin.list_topics(timeout=_TIMEOUT_S).topics)
        finally:
            orders.resume()

    def _await_handled(self) -> None:
        looker = Consumer({**self._servers, "group.id": GROUP, "enable.auto.commit": False})
        partitions = [TopicPartition(TOPIC, number) for number in range(_PARTITIONS)]

        def handled() -> bool:
            ends = [looker.get_watermark_offsets(partition, _TIMEOUT_S)[1] for partition in partitions]
            committed = looker.committed(partitions, _TIMEOUT_S)
            return all(max(found.offset, 0) >= end for found, end in zip(committed, ends, strict=True))

        try:
            self._await(handled)
        finally:
            looker.close()

    def _await(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 2 * _TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline:
                raise InjectionError("the topic cannot be re-created: its records are not handled, or it is not removed")
            time.sleep(0.2)

    def _rebalance(self, action: Action) -> None:
        deadline = time.monotonic() + action.seconds
        while time.monotonic() < deadline:
            settings = {**self._servers, "group.id": GROUP, "enable.auto.commit": False, "session.timeout.ms": 6000}
            members = [Consumer(settings) for _ in range(2)]
            for member in members:
                member.subscribe([TOPIC])
            until = time.monotonic() + 1.0
            while time.monotonic() < until:
                for member in members:
                    member.poll(0.1)
            for member in members:
                member.close()

    def _end_transactions(self) -> None:
        """Control records: of an aborted transaction on each partition, and of one that sends an order again."""
        producer = Producer({**self._servers, "transactional.id": "torture", "linger.ms": 0})
        producer.init_transactions(_TIMEOUT_S)
        last = self._history.read_topic()
        for topic in (TOPIC, f"{TOPIC}.dlq"):
            producer.begin_transaction()
            for partition in AdminClient(self._servers).list_topics(topic, _TIMEOUT_S).topics[topic].partitions:
                producer.produce(topic, b"of an aborted transaction", partition=partition)
            producer.flush(_TIMEOUT_S)
            producer.abort_transaction(_TIMEOUT_S)
        if last is not None:
            producer.begin_transaction()
            producer.produce(TOPIC, last.value(), last.key(), partition=last.partition() or 0, headers=last.headers())
            producer.commit_transaction(_TIMEOUT_S)
        ShopClient(self._target.addresses).dead_letters()


def http_refusal(status: str, code: str) -> bytes:
    """Return DynamoDB's refusal of a request; without ``code``, a proxy's."""
    error = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}"} if code else {}
    body = json.dumps({**error, "message": "injected"}).encode()
    head = f"HTTP/1.1 {status} Injected\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
