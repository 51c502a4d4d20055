"""Measures the shop: ``python -m bench``."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from bench import durations, growth, handling, hotrod, machine, tracing_cost
from bench.results import Results, read, rows, write
from bench.shopper import RefusedError, Shopper
from loadtest.output import run, stdout
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import find
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


class Programs(NamedTuple):
    """Of programs to compare with; None if not installed."""

    jaeger: Path | None
    hotrod: Path | None


def start(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """Time from the command to the first complete trace, warm and cold."""
    results.warm = durations.warm_start(home, extent.starts)
    results.cold = durations.cold_start(home, extent.cold_starts)


def orders(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """Latency, throughput, memory, losses and switch times with default settings."""
    with Shop.start(Options(home=str(home), free_ports=True, timeout_s=_READY_S)) as shop:
        addresses = find(str(home), {})
        follow(ShopClient(addresses), TraceReader(addresses.traces), _READY_S)
        results.latency = handling.latency(addresses, extent.latency_orders)
        results.switching = durations.switching(ShopClient(addresses), extent.switches)
        results.sustained = handling.sustained(shop, addresses, extent.sustained_orders, extent.shoppers)


def verify(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """All incidents, one after the other and in parallel; the culprit span of a broken order."""
    with Shop.start(Options(home=str(home), free_ports=True, timeout_s=_READY_S)):
        results.culprit = durations.culprit(str(home), extent.switches)
        results.verification = durations.verification(str(home), extent.incidents)
        results.verification_in_parallel = durations.verification(str(home), extent.incidents, parallel=True)


def tests(results: Results, extent: Extent, _home: Path, _programs: Programs) -> None:
    """Duration of the test tiers."""
    results.tests = [durations.tests(target) for target in extent.test_targets]


def cost(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """Tracing off, metadata only, full: CPU per order."""
    backends = Options(parts=("kafka", "dynamodb", "observatory"), home=str(home), free_ports=True, timeout_s=_READY_S)
    with Shop.start(backends) as shop, tracing_cost.sets(shop, home) as made:
        results.cost = tracing_cost.measure(made, extent.cost_orders, extent.cost_rounds)


def grow(results: Results, extent: Extent, home: Path, _programs: Programs) -> None:
    """Growth of the observatory with the orders it holds."""
    options = Options(home=str(home), free_ports=True, env=growth.ROOMY, timeout_s=_READY_S)
    with Shop.start(options) as shop:
        addresses = find(str(home), {})
        with contextlib.closing(Shopper(addresses)) as shopper:
            order = shopper.place(0)
        TraceReader(addresses.traces).wait_whole(order.trace_id, order.order_id, _READY_S)
        results.growth = growth.grow(shop, addresses, order.trace_id, extent.levels)


def side_by_side(results: Results, extent: Extent, home: Path, programs: Programs) -> None:
    """HotROD and the shop, with the same real Jaeger."""
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
            jaeger_resident_bytes=machine.resident(shop)["jaeger"], shop_first_trace_s=first_s, shop=of_shop, hotrod=rod
        )


SECTIONS: dict[str, Callable[[Results, Extent, Path, Programs], None]] = {
    "start": start,
    "orders": orders,
    "verify": verify,
    "cost": cost,
    "growth": grow,
    "hotrod": side_by_side,
    "tests": tests,
}

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
    console = Console(stderr=True, highlight=False)
    began = time.perf_counter()
    measured = Results(started=datetime.now(UTC).isoformat(timespec="seconds"), quick=quick, machine=machine.describe())
    programs = Programs(jaeger or _on_path("jaeger"), hotrod or _on_path("hotrod"))
    for name, section in SECTIONS.items():
        if only and name not in only:
            continue
        console.print(f"{time.perf_counter() - began:6.1f} s  {name}: {section.__doc__}")
        with tempfile.TemporaryDirectory(prefix="vshop-bench-", ignore_cleanup_errors=True) as folder:
            section(measured, QUICK if quick else FULL, Path(folder), programs)
    measured.machine = msgspec.structs.replace(measured.machine, calibration_after_s=machine.calibrate())
    measured.seconds = time.perf_counter() - began
    console.print(f"{measured.seconds:6.1f} s  done")
    text = write(measured)
    if out:
        out.write_bytes(text)
    if as_json:
        sys.stdout.write(text.decode())
    else:
        _show(read(text))


def _on_path(program: str) -> Path | None:
    found = shutil.which(program)
    return Path(found) if found else None


def _show(measured: Results) -> None:
    table = Table("what", "measured", "goal, or beside it", box=None, header_style="dim")
    for row in rows(measured):
        table.add_row(*row)
    stdout(140).print(table)


if __name__ == "__main__":
    run(app, "python -m bench", RefusedError, durations.StartError, TimeoutError)
