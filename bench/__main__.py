"""Measures the shop: ``python -m bench``."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console

from bench import durations, handling, hotrod, machine, tracing_cost
from bench.results import read, rows, write
from bench.shopper import RefusedError
from loadtest.report import run, stdout, table
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.first_order import follow
from vshop.shop.traces import TraceReader

_READY_S = 180.0


class Extent(NamedTuple):
    """Numbers of orders, rounds and repetitions."""

    starts: int
    cold_starts: int
    latency_orders: int
    sustained_orders: int
    shoppers: int
    switches: int
    incidents: list[str]
    """Ids to verify; all if empty."""
    cost_orders: int
    cost_rounds: int
    levels: list[int]
    side_orders: int
    hotrod_s: float
    test_targets: list[str]


FULL = Extent(3, 2, 200, 1500, 8, 20, [], 150, 4, [1_000, 10_000, 100_000], 500, 10, ["test-quick", "test"])
QUICK = Extent(1, 1, 40, 200, 8, 5, ["auth-token-expired", "stock-put-missing-key"], 60, 2, [1_000, 10_000], 100, 5, ["test-quick"])


class Setup(NamedTuple):
    extent: Extent
    home: Path
    """A new folder."""
    jaeger: str | None
    """Path of a program to compare with; None if not installed."""
    hotrod: str | None

    def shop(self, **options: Any) -> Shop:
        """Start a shop."""
        return Shop.start(Options(home=str(self.home), free_ports=True, timeout_s=_READY_S, **options))


def _first_trace(shop: Shop) -> tuple[Addresses, str]:
    """Wait until one order was handled; return the shop's addresses and the order's trace id."""
    addresses = Addresses(**shop.client_addresses)
    return addresses, follow(ShopClient(addresses), TraceReader(addresses.traces), _READY_S).placed.trace_id


def start(setup: Setup) -> dict[str, Any]:
    """Time from the command to the first complete trace, warm and cold."""
    warm = durations.warm_start(setup.home, setup.extent.starts)
    return {"warm": warm, "cold": durations.cold_start(setup.home, setup.extent.cold_starts)}


def orders(setup: Setup) -> dict[str, Any]:
    """Latency, throughput, memory, losses and switch times with default settings."""
    extent = setup.extent
    with setup.shop() as shop:
        addresses, _ = _first_trace(shop)
        return {
            "latency": handling.latency(addresses, extent.latency_orders),
            "switching": durations.switching(ShopClient(addresses), extent.switches),
            "sustained": handling.sustained(shop, addresses, extent.sustained_orders, extent.shoppers),
        }


def verify(setup: Setup) -> dict[str, Any]:
    """All incidents, one after the other and in parallel; the culprit span of a broken order."""
    home, incidents = str(setup.home), setup.extent.incidents
    with setup.shop():
        return {
            "culprit": durations.culprit(home, setup.extent.switches),
            "verification": durations.verification(home, incidents),
            "verificationInParallel": durations.verification(home, incidents, "--parallel"),
        }


def cost(setup: Setup) -> dict[str, Any]:
    """Tracing off, metadata only, full: CPU per order."""
    with setup.shop(parts=("kafka", "dynamodb", "observatory")) as shop:
        return {"cost": tracing_cost.measure(shop, setup.home, setup.extent.cost_orders, setup.extent.cost_rounds)}


def growth(setup: Setup) -> dict[str, Any]:
    """Growth of the observatory with the orders it holds."""
    with setup.shop(env=handling.ROOMY) as shop:
        return {"growth": handling.grow(shop, *_first_trace(shop), setup.extent.levels)}


def side_by_side(setup: Setup) -> dict[str, Any]:
    """HotROD and the shop, with the same real Jaeger."""
    if setup.jaeger is None or setup.hotrod is None:
        return {}
    extent, began = setup.extent, time.perf_counter()
    with setup.shop(jaeger=setup.jaeger) as shop:
        addresses, _ = _first_trace(shop)
        first_s = time.perf_counter() - began
        of_shop = handling.sustained(shop, addresses, extent.side_orders, extent.shoppers)
        otlp, traces = shop.addresses["otlp"], TraceReader(addresses.traces)
        rod = hotrod.measure(Path(setup.hotrod), otlp, traces, setup.home, extent.hotrod_s, extent.shoppers)
        memory = machine.resident(shop)["jaeger"]
    return {"sideBySide": {"jaegerResidentBytes": memory, "shopFirstTraceS": first_s, "shop": of_shop, "hotrod": rod}}


def tests(setup: Setup) -> dict[str, Any]:
    """Duration of the test tiers."""
    return {"tests": [durations.tests(target) for target in setup.extent.test_targets]}


SECTIONS: dict[str, Callable[[Setup], dict[str, Any]]] = {
    "start": start,
    "orders": orders,
    "verify": verify,
    "cost": cost,
    "growth": growth,
    "hotrod": side_by_side,
    "tests": tests,
}
"""Each returns entries of the result, by their names in JSON."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def bench(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Run a shorter measurement: two minutes instead of ten")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help=f"Run only this section (repeatable): {', '.join(SECTIONS)}")
    ] = None,
    hotrod: Annotated[Path | None, typer.Option(exists=True, help="HotROD binary to compare with (default: found on PATH)")] = None,
    jaeger: Annotated[
        Path | None, typer.Option(exists=True, help="Jaeger 2 binary for that comparison (default: found on PATH)")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the result to this file, as JSON")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
) -> None:
    """Measure the shop on this machine: starts, latency, throughput, cost of tracing, and memory."""
    for name in only or ():
        if name not in SECTIONS:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(SECTIONS)}", param_hint="--only")
    console, began = Console(stderr=True, highlight=False), time.perf_counter()
    result: dict[str, Any] = {"started": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick}
    result["machine"] = machine.describe()
    for name in [name for name in SECTIONS if name in (only or SECTIONS)]:
        console.print(f"{time.perf_counter() - began:6.1f} s  {name}: {SECTIONS[name].__doc__}")
        with tempfile.TemporaryDirectory(prefix="vshop-bench-", ignore_cleanup_errors=True) as folder:
            programs = (str(path) if path else shutil.which(name) for name, path in (("jaeger", jaeger), ("hotrod", hotrod)))
            result |= SECTIONS[name](Setup(QUICK if quick else FULL, Path(folder), *programs))
    result["machine"]["calibrationAfterS"] = machine.calibrate()
    result["seconds"] = time.perf_counter() - began
    console.print(f"{result['seconds']:6.1f} s  done")
    text = write(result)
    if out:
        out.write_bytes(text)
    if as_json:
        sys.stdout.write(text.decode())
        return
    shown = table("what", "measured", "goal, or beside it")
    for row in rows(read(text)):
        shown.add_row(*row)
    stdout(140).print(shown)


if __name__ == "__main__":
    run(app, "python -m bench", RefusedError, durations.StartError, TimeoutError)
