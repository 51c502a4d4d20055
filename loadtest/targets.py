"""Shops to inject faults into: processes behind proxies, or containers."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import psutil
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from loadtest.proxy import Mode, Proxy
from loadtest.stock_check import GROUP, TOPIC, Backlog, History
from vshop.kit.times import Clock
from vshop.runtime import compose
from vshop.runtime.local.shop import Shop
from vshop.runtime.model import folders, ports
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient

_READY_S = 180
_PARTITIONS = 4
_FULL_BYTES = 4096
_TIMEOUT_S = 30.0
_PROXIED = {
    "kafka": ("kafka", "SHOP_KAFKA_BOOTSTRAP", "127.0.0.1:{}"),
    "dynamodb": ("dynamodb", "SHOP_DYNAMODB_ENDPOINT", "http://127.0.0.1:{}"),
    "auth-stub": ("auth", "SHOP_AUTH_URL", "http://127.0.0.1:{}"),
    "telemetry": ("otlp", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:{}"),
}
LINKS = tuple(_PROXIED)


class Action(NamedTuple):
    """What happens to a part, and for how long."""

    part: str
    how: str
    seconds: float = 0.0


class InjectionError(Exception):
    """A fault could not be injected."""


def backend_settings(shop: Shop) -> dict[str, str]:
    """Return the settings for more services on a shop's backends."""
    return {
        "SHOP_KAFKA_BOOTSTRAP": shop.addresses["kafka"],
        "SHOP_DYNAMODB_ENDPOINT": shop.addresses["dynamodb"],
        "OTEL_EXPORTER_OTLP_ENDPOINT": shop.addresses["otlp"],
        "AWS_ACCESS_KEY_ID": "embedded",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def http_refusal(status: str, code: str) -> bytes:
    """Return DynamoDB's refusal of a request; without ``code``, a proxy's."""
    error = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}"} if code else {}
    body = json.dumps({**error, "message": "injected"}).encode()
    head = f"HTTP/1.1 {status} Injected\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Processes:
    """A new shop on free ports, with data on disk, behind proxies."""

    def __init__(self, home: Path, updaters: int = 1, dynamodb: Literal["moto", "local"] = "local") -> None:
        """Start the shop. Several stock-updaters share the partitions; only the first is killed."""
        numbers = dict(zip((port for port, _, _ in _PROXIED.values()), ports.free(len(_PROXIED)), strict=True))
        self._proxies = {link: Proxy(numbers[port]) for link, (port, _, _) in _PROXIED.items()}
        self._proxies["kafka"].advertise_for_kafka()
        env = {variable: text.format(self._proxies[link].port) for link, (_, variable, text) in _PROXIED.items()}
        options = Options(home=str(home), free_ports=True, ports=numbers, env=env, dynamodb=dynamodb, timeout_s=_READY_S)
        self._shop, self._home = Shop.start(options), folders.home(home)
        self._shops, at = [self._shop], self._shop.addresses
        self._kafka: dict[str, str | int | float | bool] = {"bootstrap.servers": at["kafka"], "log_level": 0}
        self.history, self.addresses = History(at["kafka"], at["dynamodb"]), Addresses(**self._shop.client_addresses)
        env = backend_settings(self._shop) | {"SHOP_CONSOLE_URL": at["console"]}
        for number in range(2, updaters + 1):
            folder = str(home / f"stock-updater-{number}")
            options = Options(parts=("stock-updater",), home=folder, free_ports=True, env=env, timeout_s=_READY_S)
            self._shops.insert(0, Shop.start(options))

    def close(self) -> None:
        for shop in self._shops:
            shop.stop()
        for proxy in self._proxies.values():
            proxy.close()

    def inject(self, action: Action, accepted: Callable[[], int]) -> None:
        """Inject a fault and end it, while a function counts the accepted orders."""
        part, how, seconds = action
        match how.partition(", "):
            case "killed", _, _:
                self._kill(part)
                self._shop.restart(part)
            case "restarted", _, _:
                self._shop.restart(part)
            case "paused", _, _:
                with self._suspended(part):
                    time.sleep(seconds)
            case "partitioned", _, mode:
                self._through_proxy(action, Mode(mode))
            case "refuses", _, text:
                self._through_proxy(action, Mode.ANSWER, http_refusal(*text.split(" ")))
            case "full disk", _, _:
                self._process(part).rlimit(psutil.RLIMIT_FSIZE, (_FULL_BYTES, psutil.RLIM_INFINITY))
                time.sleep(seconds)
                self._kill(part)
                self._shop.restart(part)
            case "rolled back", _, _:
                self._roll_back(seconds, accepted)
            case "topic re-created", _, _:
                self._recreate_topic()
            case "rebalance storm", _, _:
                self._rebalance(seconds)
            case _:
                self._end_transactions()

    def _process(self, part: str) -> psutil.Process:
        return psutil.Process(self._shop.state.processes[part].pid)

    def _kill(self, part: str) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = self._process(part)
            process.kill()
            process.wait(10)

    @contextlib.contextmanager
    def _suspended(self, part: str) -> Iterator[None]:
        process = self._process(part)
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def _through_proxy(self, action: Action, mode: Mode, refusal: bytes = b"") -> None:
        proxy = self._proxies[action.part]
        proxy.set(mode, refusal)
        try:
            time.sleep(action.seconds)
        finally:
            proxy.set(Mode.OPEN)

    def _roll_back(self, seconds: float, accepted: Callable[[], int]) -> None:
        """By a copy that some orders are missing from, as a restored backup is."""
        home, copy = self._home, self._home.path / "copy"
        sources = [path for path in (home.dynamodb, home.stock, home.stock_log) if path.exists()]
        self._kill("dynamodb")
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for path in sources:
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, copy / path.name)
        self._shop.restart("dynamodb")
        before = accepted()
        time.sleep(seconds)
        Clock().poll(lambda: accepted() >= before + 10, _TIMEOUT_S)
        for part in ("stock-updater", "dynamodb"):
            self._kill(part)
        for path in sources:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            (copy / path.name).rename(path)
        for part in ("dynamodb", "stock-updater"):
            self._shop.restart(part)

    def _recreate_topic(self) -> None:
        admin = AdminClient(self._kafka)
        with self._suspended("orders"):
            with contextlib.closing(Backlog(self.history.kafka)) as backlog:
                _await(lambda: backlog.waiting() == 0)
            self.history.read_topic()
            admin.delete_topics([TOPIC], operation_timeout=_TIMEOUT_S)[TOPIC].result()
            _await(lambda: TOPIC not in admin.list_topics(timeout=_TIMEOUT_S).topics)
            admin.create_topics([NewTopic(TOPIC, _PARTITIONS, 1)])[TOPIC].result()
            _await(lambda: TOPIC in admin.list_topics(timeout=_TIMEOUT_S).topics)

    def _rebalance(self, seconds: float) -> None:
        settings = {**self._kafka, "group.id": GROUP, "enable.auto.commit": False, "session.timeout.ms": 6000}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
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
        producer = Producer({**self._kafka, "transactional.id": "torture", "linger.ms": 0})
        producer.init_transactions(_TIMEOUT_S)
        last = self.history.read_topic()
        for topic in (TOPIC, f"{TOPIC}.dlq"):
            producer.begin_transaction()
            for partition in AdminClient(self._kafka).list_topics(topic, _TIMEOUT_S).topics[topic].partitions:
                producer.produce(topic, b"of an aborted transaction", partition=partition)
            producer.flush(_TIMEOUT_S)
            producer.abort_transaction(_TIMEOUT_S)
        if last is not None:
            producer.begin_transaction()
            producer.produce(TOPIC, last.value(), last.key(), partition=last.partition() or 0, headers=last.headers())
            producer.commit_transaction(_TIMEOUT_S)
        ShopClient(self.addresses).dead_letters()


def _await(condition: Callable[[], bool]) -> None:
    if not Clock().poll(condition, 2 * _TIMEOUT_S):
        raise InjectionError("the topic cannot be re-created: its records are not handled, or it is not removed")


class Containers:
    """The containers of ``make compose-up``, which are left running."""

    def __init__(self) -> None:
        self.addresses = Addresses(**compose.addresses())

    def inject(self, action: Action, _accepted: Callable[[], int]) -> None:
        """Kill or restart a container, and wait until it is ready."""
        how = ("kill", "--signal", "SIGKILL") if action.how == "killed" else ("restart", "--timeout", "10")
        ready = ("up", "--detach", "--no-build", "--no-deps", "--wait", "--wait-timeout", str(_READY_S))
        file = str(Path(__file__).parents[1] / "docker-compose.yml")
        for arguments in (how, ready):
            command = ["docker", "compose", "--file", file, *arguments, action.part]
            subprocess.run(command, check=True, capture_output=True, timeout=_READY_S + 30)

    def close(self) -> None:
        """Leave the containers running."""


Target = Processes | Containers
