"""Measures the cost of tracing: three sets of services get the same orders, with tracing off, metadata only, and full.

They share one Kafka and one DynamoDB, and get orders in turn, so that other load affects all alike. The result is the CPU time
of the processes in the best round.
"""

import contextlib
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from bench.machine import SERVICES, cpu_seconds
from bench.shopper import ShopperPool
from loadtest.stock_check import Backlog
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


def measure(
    backends: Shop, home: Path, orders: int, rounds: int, names: Collection[str] = tuple(VARIANTS), held_back_s: float = USUAL_S
) -> dict[str, Any]:
    """Place orders with each variant in turn, for several rounds, on the backends of a shop.

    The longer ``held_back_s``, the interval of exports, the less the result depends on the orders per second.
    """
    with contextlib.ExitStack() as running:
        shops = {name: running.enter_context(_start(backends, home, name, held_back_s)) for name in names}
        pools = {name: _pool(backends, name, shop) for name, shop in shops.items()}

        def cpu_ms(name: str) -> dict[str, float]:
            """Place orders with one set; return the CPU milliseconds per order, by part."""
            before = cpu_seconds(shops[name])
            pools[name].order_and_wait(orders)
            time.sleep(held_back_s + _SETTLE_S)
            return {part: 1000 * (after - before[part]) / orders for part, after in cpu_seconds(shops[name]).items()}

        for name in names:
            cpu_ms(name)  # warm up: load code, open connections, fill the items' lists of recent orders
        seen = [{name: cpu_ms(name) for name in names} for _ in range(rounds)]
    best = {name: min((one[name] for one in seen), key=lambda cpu: sum(cpu.values())) for name in names}
    return {"orders": orders, "rounds": rounds, "cpuMs": best}


def ratio(cost: Mapping[str, Any], variant: str) -> float:
    """Return a variant's CPU time as a multiple of the time without tracing."""
    used: Mapping[str, Mapping[str, float]] = cost["cpuMs"]
    return sum(used[variant].values()) / sum(used["off"].values())


def _start(backends: Shop, home: Path, name: str, held_back_s: float) -> Shop:
    own = {
        "SHOP_CONSOLE_URL": "",
        "SHOP_KAFKA_TOPIC": f"cost-{name}",
        "SHOP_KAFKA_GROUP": f"cost-{name}",
        "SHOP_DYNAMODB_TABLE": f"cost-{name}",
        "OTEL_BSP_SCHEDULE_DELAY": f"{1000 * held_back_s:.0f}",
        "OTEL_BLRP_SCHEDULE_DELAY": f"{1000 * held_back_s:.0f}",
        "OTEL_METRIC_EXPORT_INTERVAL": f"{5000 * held_back_s:.0f}",
    }
    env = backend_settings(backends) | own | VARIANTS[name]
    return Shop.start(Options(parts=SERVICES, free_ports=True, home=str(home / name), env=env, timeout_s=_START_S))


def _pool(backends: Shop, name: str, shop: Shop) -> ShopperPool:
    backlog = Backlog(backends.addresses["kafka"], f"cost-{name}", f"cost-{name}")
    return ShopperPool(Addresses(orders=shop.addresses["orders"], auth=shop.addresses["auth-stub"]), _SHOPPERS, backlog)
