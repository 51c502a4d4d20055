"""The load tests: ``python -m loadtest load|torture|replicas``."""

import contextlib
import re
import secrets
import signal
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from loadtest.accounting import Accounting, Progress, follow
from loadtest.replicas import Measured, Replicas, show_replicas
from loadtest.report import Report, incident_faults, print_json, run, show
from loadtest.swarm import Load, LocalSwarm, RemoteSwarm, SwarmError
from loadtest.targets import Action, Containers, InjectionError, Processes, Target
from loadtest.torture import ANYWHERE, BACKLOG, KINDS, Torture, TortureError, schedule
from vshop.incidents import load_incident
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Load a shop, and check that no order and no span is lost.",
)
_UNLIMITED_S = 7 * 24 * 3600
_WELL_STOCKED = "0,1,2,3,4,5,6,7,8"  # item 9 sells out
_SECONDS = {"h": 3600, "m": 60, "s": 1, "": 1}

AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON")]
ReportFile = Annotated[Path | None, typer.Option("--report", help="Also write the report to this file, as JSON")]
Users = Annotated[int, typer.Option("--users", "-u", min=1, help="Number of concurrent shoppers")]
Rate = Annotated[float, typer.Option("--rate", "-r", min=0, help="Orders per second, all shoppers together; 0 means unlimited")]
Time = Annotated[str, typer.Option("--time", "-t", help="Duration, e.g. 30s or 1h30m")]
Patience = Annotated[float, typer.Option(min=1, help="Seconds to wait for orders and traces")]
Shape = Annotated[
    Literal["steady", "burst", "ramp", "incident"],
    typer.Option(help="How the load changes over time; `incident` switches one on in the middle third"),
]
Mode = Annotated[
    Literal["embedded", "compose"],
    typer.Option(help="A new shop with DynamoDB Local, under Amazon's licence (`embedded`), or the running containers (`compose`)"),
]


@app.command()
def load(
    *,
    users: Users = 20,
    rate: Rate = 10,
    time: Time = "30s",
    shape: Shape = "steady",
    incident: Annotated[str, typer.Option(help="Incident for the shape `incident`")] = "auth-token-expired",
    chaos_share: Annotated[float, typer.Option(min=0, max=1, help="Share of orders with a request-scoped incident")] = 0,
    chaos: Annotated[str, typer.Option(help="Request-scoped incidents, comma-separated")] = Load().chaos,
    wrong_share: Annotated[float, typer.Option(min=0, max=1, help="Share of invalid orders")] = Load().wrong_share,
    items: Annotated[str, typer.Option(help="Items to order, comma-separated; item 9 sells out after three pieces")] = Load().items,
    looks: Annotated[float, typer.Option(min=0, help="Stock requests before each order")] = 1,
    orders: Annotated[int, typer.Option(min=0, help="Stop after this many accepted orders; 0 means no limit")] = 0,
    patience: Patience = 120,
    locust: Annotated[str, typer.Option(metavar="URL", help="Use the Locust at this address instead of starting one")] = "",
    html: Annotated[Path | None, typer.Option(help="Write Locust's own report to this HTML file")] = None,
    csv: Annotated[str, typer.Option(metavar="PREFIX", help="Write Locust's own figures to CSV files with this prefix")] = "",
    report: ReportFile = None,
    as_json: AsJson = False,
) -> None:
    """Run a load test on the running shop.

    Exits with status 1 when an order or a span is lost, or an order is applied twice.
    """
    addresses = find()
    wanted = Load(
        users=users,
        spawn_rate=max(1.0, users / 3),
        run_time=_seconds(time),
        shape=shape,
        orders_per_second=rate,
        orders=orders,
        looks=looks,
        items=items,
        wrong_share=wrong_share,
        chaos_share=chaos_share,
        chaos=",".join(_for_one_order(name) for name in chaos.split(",")),
        incident=load_incident(incident).id,
        patience=patience,
    )
    accounting, progress = Accounting(addresses, patience), Progress(orders)
    more = [*([f"--html={html}"] if html else []), *([f"--csv={csv}"] if csv else [])]
    with tempfile.TemporaryDirectory(prefix="vshop-load-") as folder:
        here = None if locust else LocalSwarm(wanted, addresses, Path(folder), more)
        follow(here or RemoteSwarm(wanted, locust), accounting, progress)
        result = accounting.close(wanted, incident_faults(ShopClient(addresses), accounting.began), progress.log)
        if here and not as_json:
            sys.stdout.write(here.summary())
    _finish(result, report, as_json=as_json)


@app.command()
def torture(
    *,
    orders: Annotated[int, typer.Option("--orders", "-n", min=100, help="Number of orders to accept")] = 100_000,
    users: Users = 20,
    rate: Annotated[
        float, typer.Option("--rate", "-r", min=0, help="Orders per second; 0 means as fast as the shop handles them")
    ] = 0,
    mode: Mode = "embedded",
    updaters: Annotated[int, typer.Option(min=1, max=4, help="Number of stock-updaters; the first one gets killed")] = 1,
    faults: Annotated[
        str, typer.Option(metavar="NAMES", help=f"Faults to inject, comma-separated (default: all): {', '.join(KINDS)}")
    ] = "",
    rounds: Annotated[
        int, typer.Option(min=0, help="How often to inject each of the faults; 0 means once for every 10,000 orders")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the random choices; the same seed replays them (default: random)")] = 0,
    dynamodb: Annotated[
        Literal["moto", "local"], typer.Option(help="DynamoDB of a new shop: the stand-in, or DynamoDB Local")
    ] = "local",
    home: Annotated[
        Path | None,
        typer.Option(help="Folder for the shop's state, logs and data, which is kept (default: a new temporary folder)"),
    ] = None,
    patience: Patience = 180,
    report: ReportFile = None,
    as_json: AsJson = False,
) -> None:
    """Inject faults under load: kill, pause and cut off parts, fill disks, roll the table back, and more.

    Exits with status 1 when anything is lost.
    """
    wanted = Load(
        users=users,
        spawn_rate=users,
        run_time=_UNLIMITED_S,
        orders_per_second=rate,
        looks=0,
        items=_WELL_STOCKED,
        wrong_share=0.01,
        patience=patience,
        max_backlog=BACKLOG,
    )
    folder = home or Path(tempfile.mkdtemp(prefix="vshop-torture-"))
    seed = seed or secrets.randbelow(10**6) + 1
    plan = schedule(orders, _kinds(faults, KINDS if mode == "embedded" else ANYWHERE), seed, rounds)
    target = Containers() if mode == "compose" else Processes(folder, updaters, dynamodb)
    progress = Progress(orders)
    progress.log(f"{len(plan)} faults; --seed {seed} replays them")
    _finish(_torture(target, wanted, plan, folder, progress), report, as_json=as_json)


@app.command()
def replicas(
    *,
    counts: Annotated[str, typer.Option(help="Numbers of replicas to measure, comma-separated")] = "1,2,4",
    users: Users = 16,
    time: Time = "20s",
    locust: Annotated[str, typer.Option(metavar="URL", help="Address of the Locust in the cluster")] = "http://127.0.0.1:8089",
    as_json: AsJson = False,
) -> None:
    """Measure the shop in the cluster with 1, 2 and 4 replicas of orders and stock-updater, and as many partitions."""
    numbers = _numbers(counts)
    wanted = Load(
        users=users, spawn_rate=users, run_time=_seconds(time), orders_per_second=0, looks=0, items=_WELL_STOCKED, wrong_share=0
    )
    progress = Progress()
    measuring = Replicas(Kubectl.current(), ShopClient(find()), locust, wanted, progress.log)
    measured: list[Measured] = []
    # An interrupted run restores the cluster and prints what it has measured.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        for one in measuring.measure(numbers):
            measured.append(one)
            progress.log(f"{one.accepted_per_s:.1f} accepted/s, {one.handled_per_s:.1f} handled/s, {one.backlog} waiting")
    if as_json:
        print_json(measured)
    else:
        show_replicas(measured)
    if len(measured) < len(numbers):
        raise typer.Exit(130)


def _torture(target: Target, wanted: Load, plan: list[tuple[int, Action]], folder: Path, progress: Progress) -> Report:
    # An interrupted run still prints its report. A background process gets SIGTERM instead of Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        accounting = Accounting(target.addresses, wanted.patience)
        swarm = LocalSwarm(wanted, target.addresses, folder / "locust", [])
        torture_run = Torture(target, accounting, plan, progress.log)
        try:
            follow(swarm, accounting, progress, lambda: torture_run.done() and len(accounting.tally.accepted) >= progress.orders)
        finally:
            torture_run.end()
        result = accounting.close(wanted, torture_run.faults, progress.log)
        if isinstance(target, Processes):
            result = msgspec.structs.replace(result, contradictions=target.history.judge(accounting.tally.accepted))
    finally:
        target.close()
    progress.log(f"logs and order log: {folder}")
    return result


def _finish(report: Report, file: Path | None, *, as_json: bool) -> None:
    if file:
        with file.open("w", encoding="utf-8") as stream:
            print_json(report.as_json(), stream)
    if as_json:
        print_json(report.as_json())
    else:
        show(report)
    if not report.ok:
        raise typer.Exit(1)


def _kinds(names: str, possible: Collection[str]) -> list[str]:
    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(possible)
    if unknown := [name for name in chosen if name not in possible]:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(possible)}", param_hint="--faults")
    return chosen


def _seconds(text: str) -> int:
    if not re.fullmatch(r"(\d+[hms]?)+", text):
        raise typer.BadParameter(f"{text!r} is not a duration such as 30s or 1h30m", param_hint="--time")
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([hms]?)", text))


def _numbers(text: str) -> list[int]:
    if not re.fullmatch(r"[1-9]\d?(,[1-9]\d?)*", text):
        raise typer.BadParameter(f"{text!r} is not a list of numbers from 1 to 99, such as 1,2,4", param_hint="--counts")
    return [int(number) for number in text.split(",")]


def _for_one_order(incident: str) -> str:
    switch = load_incident(incident).switch
    if switch is None or "request" not in switch.scope:
        raise typer.BadParameter(f"{incident} cannot be switched on for a single order", param_hint="--chaos")
    return incident


if __name__ == "__main__":
    run(app, "python -m loadtest", SwarmError, TortureError, InjectionError)
