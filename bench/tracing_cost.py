"""What tracing costs: the same orders to three sets of the same services, with tracing off, metadata only, and full.

The sets stand side by side on one Kafka and one DynamoDB, each with a topic, a consumer group and a table of its own. They are
asked in turn, round by round, so that whatever else the machine does hits all alike; the best round of each counts. What counts is
the CPU time of the processes, no clock on the wall.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from bench.backlog import Backlog
from bench.shopper import Crowd
from bench.usage import SERVICES, cpu_seconds
from vshop.addresses import Addresses
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop

VARIANTS: Mapping[str, dict[str, str]] = {
    "off": {"OTEL_SDK_DISABLED": "true"},
    "metadata": {"SHOP_PAYLOADS": "metadata"},
    "full": {},
}
_SETTLE_S = 0.5
"""Beyond the time that signals are held back, until what the last orders left has been exported."""
USUAL_S = 0.2
"""How long services hold spans and log records back to send them together, unless told otherwise (``kit.telemetry``)."""
_SHOPPERS = 4
_START_S = 120.0


class Cost(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """CPU milliseconds per order, of the best round."""

    orders: int
    """In a round."""
    rounds: int
    cpu_ms: dict[str, dict[str, float]]
    """By variant, then by part."""

    def ratio(self, variant: str) -> float:
        """Say how many times as much CPU time an order takes as with tracing off."""
        return sum(self.cpu_ms[variant].values()) / sum(self.cpu_ms["off"].values())


class Sets:
    """One set of services for each variant."""

    def __init__(self, backends: Shop, home: Path, names: tuple[str, ...], held_back_s: float) -> None:
        """Prepare; ``start`` starts them.

        Args:
            backends: a shop that has Kafka, DynamoDB and observatory.
            home: folder for the sets.
            names: of the variants.
            held_back_s: how long they hold signals back.
        """
        self._held_back_s = held_back_s
        self._backends, self._home, self._names = backends, home, names
        self._shops: dict[str, Shop] = {}
        self._crowds: dict[str, Crowd] = {}

    def start(self) -> None:
        """Start them all, and let each of them do its first orders."""
        for name in self._names:
            shop = Shop.start(
                Options(parts=SERVICES, free_ports=True, home=str(self._home / name), env=self._env(name), timeout_s=_START_S)
            )
            self._shops[name] = shop
            at = shop.addresses
            backlog = Backlog(self._backends.addresses["kafka"], f"cost-{name}", f"cost-{name}")
            self._crowds[name] = Crowd(Addresses(orders=at["orders"], auth=at["auth-stub"]), _SHOPPERS, backlog)

    def _env(self, name: str) -> dict[str, str]:
        at = self._backends.addresses
        return {
            "SHOP_KAFKA_BOOTSTRAP": at["kafka"],
            "SHOP_DYNAMODB_ENDPOINT": at["dynamodb"],
            "SHOP_CONSOLE_URL": "",
            "OTEL_EXPORTER_OTLP_ENDPOINT": at["otlp"],
            "SHOP_KAFKA_TOPIC": f"cost-{name}",
            "SHOP_KAFKA_GROUP": f"cost-{name}",
            "SHOP_DYNAMODB_TABLE": f"cost-{name}",
            "OTEL_BSP_SCHEDULE_DELAY": f"{1000 * self._held_back_s:.0f}",
            "OTEL_BLRP_SCHEDULE_DELAY": f"{1000 * self._held_back_s:.0f}",
            "OTEL_METRIC_EXPORT_INTERVAL": f"{5000 * self._held_back_s:.0f}",
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_DEFAULT_REGION": "us-east-1",
        } | VARIANTS[name]

    def round(self, name: str, orders: int) -> dict[str, float]:
        """Place orders with one set, and return the CPU milliseconds per order of each of its parts."""
        before = cpu_seconds(self._shops[name])
        self._crowds[name].order_and_wait(orders)
        time.sleep(self._held_back_s + _SETTLE_S)
        after = cpu_seconds(self._shops[name])
        return {part: 1000 * (after[part] - before[part]) / orders for part in before}

    def stop(self) -> None:
        """Stop them."""
        for shop in self._shops.values():
            shop.stop()


@contextlib.contextmanager
def sets(backends: Shop, home: Path, names: tuple[str, ...] = tuple(VARIANTS), held_back_s: float = USUAL_S) -> Iterator[Sets]:
    """Have the sets inside the block.

    Args:
        backends: a shop that has Kafka, DynamoDB and observatory.
        home: folder for the sets.
        names: of the variants.
        held_back_s: how long they hold signals back; the longer, the less depends on how many orders a second the machine makes.
    """
    made = Sets(backends, home, names, held_back_s)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def measure(made: Sets, orders: int, rounds: int, names: tuple[str, ...] = tuple(VARIANTS)) -> Cost:
    """Ask each set in turn, several times over.

    Args:
        made: the sets.
        orders: orders in a round.
        rounds: how often each is asked.
        names: of the variants.
    """
    for name in names:
        made.round(name, orders)  # code is loaded, connections are made, items remember as many orders as they ever will
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            seen[name].append(made.round(name, orders))
    best = {name: min(found, key=lambda cpu: sum(cpu.values())) for name, found in seen.items()}
    return Cost(orders=orders, rounds=rounds, cpu_ms=best)
