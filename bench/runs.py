"""The sections of a run, each on a shop of its own kind, one after the other."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench import growth, handling, hotrod, starting, switching, tracing_cost
from bench.results import Results
from bench.shopper import Shopper
from bench.usage import resident
from vshop.addresses import find
from vshop.client import ShopClient
from vshop.first_order import follow
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop
from vshop.traces import TraceReader

_READY_S = 180.0


class Extent(NamedTuple):
    """How much is measured."""

    starts: int
    cold_starts: int
    latency_orders: int
    sustained_orders: int
    shoppers: int
    switches: int
    incidents: list[str]
    """All when empty."""
    cost_orders: int
    cost_rounds: int
    levels: list[int]
    side_orders: int
    hotrod_s: float


FULL = Extent(3, 2, 200, 1500, 8, 20, [], 150, 4, [1_000, 10_000, 100_000], 500, 10)
QUICK = Extent(1, 1, 40, 200, 8, 5, ["auth-token-expired", "stock-put-missing-key"], 60, 2, [1_000, 10_000], 100, 5)


class Programs(NamedTuple):
    """What is measured beside the shop, where it is on the machine."""

    jaeger: Path | None
    hotrod: Path | None


def start(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """From the command to the first whole trace, warm and cold."""
    results.warm = starting.warm(home, extent.starts)
    results.cold = starting.cold(home, extent.cold_starts)


def orders(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """Latency, throughput, memory, losses and switches of a shop with default settings."""
    with Shop.start(Options(home=str(home), free_ports=True, timeout_s=_READY_S)) as shop:
        addresses = find(str(home), {})
        follow(ShopClient(addresses), TraceReader(addresses.traces), _READY_S)
        results.latency = handling.latency(addresses, extent.latency_orders)
        results.switching = switching.switching(ShopClient(addresses), extent.switches)
        results.sustained = handling.sustained(shop, addresses, extent.sustained_orders, extent.shoppers)


def verify(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """All incidents, one after the other."""
    with Shop.start(Options(home=str(home), free_ports=True, timeout_s=_READY_S)):
        results.verification = switching.verification(str(home), extent.incidents, timeout_s=900)


def cost(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """Tracing off, metadata only, full: CPU per order."""
    backends = Options(parts=("kafka", "dynamodb", "observatory"), home=str(home), free_ports=True, timeout_s=_READY_S)
    with Shop.start(backends) as shop, tracing_cost.sets(shop, home) as made:
        results.cost = tracing_cost.measure(made, extent.cost_orders, extent.cost_rounds)


def grow(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """The observatory with more and more orders in it."""
    options = Options(home=str(home), free_ports=True, env=growth.ROOMY, timeout_s=_READY_S)
    with Shop.start(options) as shop:
        addresses = find(str(home), {})
        with Shopper(addresses) as shopper:
            order = shopper.place(0)
        TraceReader(addresses.traces).wait_whole(order.trace_id, order.order_id, _READY_S)
        results.growth = growth.grow(shop, addresses, order.trace_id, extent.levels)


def side_by_side(results: Results, extent: Extent, home: Path, programs: Programs) -> None:
    """HotROD and the shop, into the same real Jaeger."""
    if programs.jaeger is None or programs.hotrod is None:
        return
    began = time.perf_counter()
    with Shop.start(Options(home=str(home), free_ports=True, jaeger=str(programs.jaeger), timeout_s=_READY_S)) as shop:
        addresses = find(str(home), {})
        follow(ShopClient(addresses), TraceReader(addresses.traces), _READY_S)
        first_s = time.perf_counter() - began
        of_shop = handling.sustained(shop, addresses, extent.side_orders, extent.shoppers)
        rod = hotrod.measure(programs.hotrod, shop.addresses["otlp"], addresses.traces, home, extent.hotrod_s, extent.shoppers)
        results.side_by_side = hotrod.SideBySide(
            jaeger_resident_bytes=resident(shop)["jaeger"], shop_first_trace_s=first_s, shop=of_shop, hotrod=rod
        )


SECTIONS: dict[str, Callable[[Results, Extent, Path, Programs], None]] = {
    "start": start,
    "orders": orders,
    "verify": verify,
    "cost": cost,
    "growth": grow,
    "hotrod": side_by_side,
}
