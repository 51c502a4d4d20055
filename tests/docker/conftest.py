import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import docker
import pytest
import requests
from testcontainers.core.container import DockerContainer

from tests.docker.engine import problem as engine_problem
from tests.waiting import wait_until
from vshop.runtime.local.shop import Shop
from vshop.runtime.model import ports
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses, find
from vshop.shop.client import USERS, ShopClient, ShopError
from vshop.shop.traces import TraceReader

KAFKA, DYNAMODB, JAEGER = "apache/kafka:4.3.1", "amazon/dynamodb-local:3.1.0", "jaegertracing/jaeger:2.13.0"
AWS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
SERVICES = ("observatory", "auth-stub", "orders", "stock-updater", "console")


@pytest.fixture(scope="session", autouse=True)
def engine() -> Iterator[docker.DockerClient]:
    if problem := engine_problem():
        pytest.skip(f"Start Docker, or set DOCKER_HOST, to run this test: {problem}.")
    with closing(docker.from_env()) as client:
        yield client


class Server(NamedTuple):
    container: Any
    ports: tuple[int, ...]

    def kill_and_start(self) -> None:
        self.container.kill()
        self.container.start()


@contextmanager
def _running(image: str, published: dict[int, int], command: list[str], env: dict[str, str]) -> Iterator[Server]:
    container = DockerContainer(image).with_command(command).with_envs(**env)
    container.ports = {f"{inside}/tcp": ("127.0.0.1", outside) for inside, outside in published.items()}
    with container:
        yield Server(container.get_wrapped_container(), tuple(published.values()))


@contextmanager
def broker(published: int, advertised: int) -> Iterator[Server]:
    """Run Kafka in a container, published at one port; clients are told to use another."""
    env = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://localhost:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{advertised}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_BROKER_SESSION_TIMEOUT_MS": "3000",
        "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": "500",
        "KAFKA_LOG_DIRS": "/var/lib/kafka/data",
        "KAFKA_HEAP_OPTS": "-Xmx256m -Xms64m",
        "KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    }
    with _running(KAFKA, {9092: published}, [], env) as server:
        wait_until(lambda: b"Kafka Server started" in server.container.logs(), 90)
        yield server


@pytest.fixture(scope="session")
def kafka(engine) -> Iterator[Server]:
    (port,) = ports.free(1)
    with broker(published=port, advertised=port) as server:
        yield server


@pytest.fixture(scope="session")
def dynamodb(engine) -> Iterator[Server]:
    (port,) = ports.free(1)
    command = ["-jar", "DynamoDBLocal.jar", "-disableTelemetry", "-sharedDb", "-dbPath", "/tmp"]  # noqa: S108 - inside the container
    with _running(DYNAMODB, {8000: port}, command, {}) as server:
        wait_until(lambda: requests.get(f"http://127.0.0.1:{port}", timeout=2).status_code == 400)
        yield server


@pytest.fixture(scope="session")
def jaeger(engine) -> Iterator[Server]:
    page, otlp = ports.free(2)
    with _running(JAEGER, {16686: page, 4318: otlp}, [], {"OTEL_TRACES_SAMPLER": "always_off"}) as server:
        wait_until(lambda: requests.get(f"http://127.0.0.1:{page}/api/services", timeout=2).ok)
        yield server


Started = Callable[..., Shop]


@pytest.fixture(scope="session")
def on_servers(kafka: Server, dynamodb: Server, jaeger: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    begun: list[Shop] = []

    def start(**env: str) -> Shop:
        mark = f"on-servers-{len(begun)}"
        own = {"SHOP_KAFKA_GROUP": mark, "SHOP_DYNAMODB_TABLE": mark} | ({"SHOP_KAFKA_TOPIC": mark} if begun else {})
        servers = {
            "SHOP_KAFKA_BOOTSTRAP": f"127.0.0.1:{kafka.ports[0]}",
            "SHOP_DYNAMODB_ENDPOINT": f"http://127.0.0.1:{dynamodb.ports[0]}",
            "SHOP_FORWARD": f"http://127.0.0.1:{jaeger.ports[1]}",
        }
        options = Options(
            parts=SERVICES,
            free_ports=True,
            home=str(tmp_path_factory.mktemp(mark)),
            jaeger=f"http://127.0.0.1:{jaeger.ports[0]}",
            env=AWS | own | servers | env,
            timeout_s=100,
        )
        begun.append(Shop.start(options))
        return begun[-1]

    yield start
    for one in begun:
        one.stop()


@pytest.fixture(scope="session")
def shop(on_servers: Started) -> Shop:
    return on_servers()


@pytest.fixture(scope="session")
def addresses(shop: Shop) -> Addresses:
    return find(shop.state.home, {})


@pytest.fixture(scope="session")
def client(addresses: Addresses) -> ShopClient:
    return ShopClient(addresses)


@pytest.fixture(scope="session")
def reader(jaeger: Server) -> TraceReader:
    return TraceReader(f"http://127.0.0.1:{jaeger.ports[0]}")


class Shoppers:
    def __init__(self, addresses: Addresses) -> None:
        self._client = ShopClient(addresses)
        self._stop = threading.Event()
        self.accepted: Counter[int] = Counter()
        self.orders = 0

    @contextmanager
    def ordering(self, shoppers: int = 3, at_least: int = 20) -> Iterator[None]:
        """Order inside the block, and until this many more orders are accepted after it."""
        with ThreadPoolExecutor(shoppers) as pool:
            done = [pool.submit(self._shop, number) for number in range(shoppers)]
            try:
                wait_until(lambda: self.orders >= at_least)
                yield
                aim = self.orders + at_least
                wait_until(lambda: self.orders >= aim or any(one.done() for one in done), 120)
            finally:
                self._stop.set()
        for one in done:
            one.result()

    def _shop(self, number: int) -> None:
        count, token = 0, self._client.token(USERS[number])
        while not self._stop.is_set():
            # Each shopper has items of its own: Counter is not shared between threads.
            item, quantity, key = number + 3 * (count % 3), 1 + count % 3, secrets.token_hex(8)
            while not self._accepted(item, quantity, USERS[number], token, key):
                self._stop.wait(0.1)
            self.accepted[item] += quantity
            self.orders += 1
            count += 1
            self._stop.wait(0.05)  # slower than stock-updater is, so that it need not catch up for long

    def _accepted(self, item: int, quantity: int, user: str, token: str, key: str) -> bool:
        try:
            headers = {"Idempotency-Key": key}
            return self._client.place_order(item, quantity, username=user, token=token, headers=headers).accepted
        except ShopError:
            return False


@pytest.fixture
def shoppers(addresses: Addresses) -> Shoppers:
    return Shoppers(addresses)
