"""Measures the cost of tracing: three sets of services get the same orders, with tracing off, metadata only, and full.

They share one Kafka and one DynamoDB, and get orders in turn, so that other load affects all alike. The result is the CPU time
of the processes in the best round.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from bench.machine import SERVICES, cpu_seconds
from bench.shopper import Backlog, ShopperPool
from loadtest.targets import backend_settings
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses

VARIANTS: Mapping[str, dict[str, str]] = {
    "off": {"OTEL_SDK_DISABLED": "true"},
    "metadata": {"SHOP_PAYLOADS": "metadata"},
    "full": {},
}
_SETTLE_S = 0.5
USUAL_S = 0.2
"""Default interval of exports (``kit.telemetry``)."""
_SHOPPERS = 4
_START_S = 120.0


class Cost(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    orders: int
    rounds: int
    cpu_ms: dict[str, dict[str, float]]

    def ratio(self, variant: str) -> float:
        return sum(self.cpu_ms[variant].values()) / sum(self.cpu_ms["off"].values())


class Sets:
    def __init__(self, backends: Shop, home: Path, names: tuple[str, ...], held_back_s: float) -> None:
        self._held_back_s = held_back_s
        self._backends, self._home, self._names = backends, home, names
        self._shops: dict[str, Shop] = {}
        self._pools: dict[str, ShopperPool] = {}

    def start(self) -> None:
        for name in self._names:
            shop = Shop.start(
                Options(parts=SERVICES, free_ports=True, home=str(self._home / name), env=self._env(name), timeout_s=_START_S)
            )
            self._shops[name] = shop
            at = shop.addresses
            backlog = Backlog(self._backends.addresses["kafka"], f"cost-{name}", f"cost-{name}")
            self._pools[name] = ShopperPool(Addresses(orders=at["orders"], auth=at["auth-stub"]), _SHOPPERS, backlog)

    def _env(self, name: str) -> dict[str, str]:
        own = {
            "SHOP_CONSOLE_URL": "",
            "SHOP_KAFKA_TOPIC": f"cost-{name}",
            "SHOP_KAFKA_GROUP": f"cost-{name}",
            "SHOP_DYNAMODB_TABLE": f"cost-{name}",
            "OTEL_BSP_SCHEDULE_DELAY": f"{1000 * self._held_back_s:.0f}",
            "OTEL_BLRP_SCHEDULE_DELAY": f"{1000 * self._held_back_s:.0f}",
            "OTEL_METRIC_EXPORT_INTERVAL": f"{5000 * self._held_back_s:.0f}",
        }
        return backend_settings(self._backends) | own | VARIANTS[name]

    def round(self, name: str, orders: int) -> dict[str, float]:
        """Place orders with one set; return the CPU milliseconds per order, by part."""
        before = cpu_seconds(self._shops[name])
        self._pools[name].order_and_wait(orders)
        time.sleep(self._held_back_s + _SETTLE_S)
        after = cpu_seconds(self._shops[name])
        return {part: 1000 * (after[part] - before[part]) / orders for part in before}

    def stop(self) -> None:
        for shop in self._shops.values():
            shop.stop()


@contextlib.contextmanager
def sets(backends: Shop, home: Path, names: tuple[str, ...] = tuple(VARIANTS), held_back_s: float = USUAL_S) -> Iterator[Sets]:
    """Start the sets for a block, on the backends of a shop.

    The longer ``held_back_s``, the interval of exports, the less the result depends on the orders per second.
    """
    made = Sets(backends, home, names, held_back_s)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def measure(made: Sets, orders: int, rounds: int, names: tuple[str, ...] = tuple(VARIANTS)) -> Cost:
    """Place orders with each set in turn, for several rounds."""
    for name in names:
        made.round(name, orders)  # warm up: load code, open connections, fill the items' lists of recent orders
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            seen[name].append(made.round(name, orders))
    best = {name: min(found, key=lambda cpu: sum(cpu.values())) for name, found in seen.items()}
    return Cost(orders=orders, rounds=rounds, cpu_ms=best)
