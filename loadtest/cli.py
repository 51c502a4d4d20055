"""``python -m loadtest load|torture``: parses and prints."""

import contextlib
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console

from loadtest.accounts import Accounts
from loadtest.faults import under_incidents
from loadtest.following import Progress, follow
from loadtest.printing import show, show_replicas
from loadtest.replicas import Measured, Replicas
from loadtest.report import Report
from loadtest.swarm import Load, LocalSwarm, RemoteSwarm
from loadtest.targets import Containers, Processes
from loadtest.torture import BACKLOG, Torturer, schedule
from vshop.addresses import find
from vshop.cli.output import print_json
from vshop.client import ShopClient
from vshop.incidents import load_incident
from vshop.runtime.cluster.kubectl import Kubectl

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
_NO_END_S = 7 * 24 * 3600
_IN_STOCK = "0,1,2,3,4,5,6,7,8"  # all but the one that sells out
_SECONDS = {"h": 3600, "m": 60, "s": 1, "": 1}

AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON, for a program.")]
ReportFile = Annotated[Path | None, typer.Option("--report", help="Also write the report to this file, as JSON.")]
Users = Annotated[int, typer.Option("--users", "-u", min=1, help="Shoppers at a time.")]


@app.command()
def load(
    *,
    users: Users = 20,
    rate: Annotated[
        float, typer.Option("--rate", "-r", min=0, help="Orders a second, of all shoppers; 0: as fast as they can.")
    ] = 10,
    time: Annotated[str, typer.Option("--time", "-t", help="How long, e.g. 30s or 1h30m.")] = "30s",
    shape: Annotated[
        Literal["steady", "burst", "ramp", "incident"], typer.Option(help="How the load runs; `incident`: with one in the middle.")
    ] = "steady",
    incident: Annotated[str, typer.Option(help="What the shape `incident` switches on.")] = "auth-token-expired",
    chaos_share: Annotated[float, typer.Option(min=0, max=1, help="Share of orders with an incident of their own.")] = 0,
    chaos: Annotated[str, typer.Option(help="Those incidents, with commas between them.")] = Load().chaos,
    wrong_share: Annotated[float, typer.Option(min=0, max=1, help="Share of wrong orders.")] = Load().wrong_share,
    items: Annotated[
        str, typer.Option(help="Numbers of the items that are ordered; of item 9 there are three pieces.")
    ] = Load().items,
    looks: Annotated[float, typer.Option(min=0, help="Looks at an item before each order.")] = 1,
    orders: Annotated[int, typer.Option(min=0, help="End when so many are accepted.")] = 0,
    patience: Annotated[float, typer.Option(min=1, help="Seconds that orders and traces may take.")] = 120,
    locust: Annotated[str, typer.Option(metavar="URL", help="Let a Locust that runs elsewhere do it: its page.")] = "",
    html: Annotated[Path | None, typer.Option(help="Locust's own report, as a page.")] = None,
    csv: Annotated[str, typer.Option(metavar="PREFIX", help="Locust's own figures, in files that begin so.")] = "",
    report: ReportFile = None,
    as_json: AsJson = False,
) -> None:
    """Let shoppers order at the shop that runs, and reckon up. Exit status 1 when an order or a span is lost, or counted twice."""
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
    accounts, progress = Accounts(addresses, patience), Progress(orders)
    more = [*([f"--html={html}"] if html else []), *([f"--csv={csv}"] if csv else [])]
    with tempfile.TemporaryDirectory(prefix="vshop-load-") as folder:
        here = None if locust else LocalSwarm(wanted, addresses, Path(folder), more)
        follow(here or RemoteSwarm(wanted, locust), accounts, progress)
        made = accounts.close(wanted, under_incidents(ShopClient(addresses), accounts.began), progress.tell)
        if here and not as_json:
            sys.stdout.write(here.summary())
    _finish(made, report, as_json=as_json)


@app.command()
def torture(
    *,
    orders: Annotated[int, typer.Option("--orders", "-n", min=100, help="Orders to be accepted.")] = 100_000,
    users: Users = 20,
    rate: Annotated[float, typer.Option("--rate", "-r", min=0, help="Orders a second; 0: as fast as the shop handles them.")] = 0,
    mode: Annotated[
        Literal["embedded", "compose"],
        typer.Option(
            help="`embedded`: a shop of its own, with DynamoDB Local (under Amazon's licence). `compose`: the containers that run."
        ),
    ] = "embedded",
    updaters: Annotated[int, typer.Option(min=1, max=4, help="Stock-updaters that share the work; the first gets killed.")] = 1,
    home: Annotated[
        Path | None, typer.Option(help="Folder for its state, logs and data; kept. One of its own when not given.")
    ] = None,
    patience: Annotated[float, typer.Option(min=1, help="Seconds that orders and traces may take.")] = 180,
    report: ReportFile = None,
    as_json: AsJson = False,
) -> None:
    """Kill, restart and slow down every part in turn while orders come in, and reckon up. Exit status 1 when anything is lost."""
    wanted = Load(
        users=users,
        spawn_rate=users,
        run_time=_NO_END_S,
        orders_per_second=rate,
        looks=0,
        items=_IN_STOCK,
        wrong_share=0.01,
        patience=patience,
        max_backlog=BACKLOG,
    )
    folder = home or Path(tempfile.mkdtemp(prefix="vshop-torture-"))
    progress = Progress(orders)
    target = Containers() if mode == "compose" else Processes(folder, updaters)
    # Ended early, it reckons up what there is; in the background only SIGTERM reaches it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        accounts = Accounts(target.addresses, patience)
        torturer = Torturer(target, accounts, schedule(orders), progress.tell)
        swarm = LocalSwarm(wanted, target.addresses, folder / "locust", [])
        torturer.start()
        try:
            follow(swarm, accounts, progress, lambda: torturer.done() and accounts.tally.accepted >= orders)
        finally:
            torturer.end()
        made = accounts.close(wanted, torturer.faults, progress.tell)
    finally:
        target.close()
    progress.tell(f"logs and ledger: {folder}")
    _finish(made, report, as_json=as_json)


@app.command()
def replicas(
    *,
    counts: Annotated[str, typer.Option(help="Numbers of replicas, with commas between them.")] = "1,2,4",
    users: Users = 16,
    time: Annotated[str, typer.Option("--time", "-t", help="How long each load is, e.g. 30s.")] = "20s",
    locust: Annotated[str, typer.Option(metavar="URL", help="Locust's page, in the cluster.")] = "http://127.0.0.1:8089",
    as_json: AsJson = False,
) -> None:
    """Measure what more replicas bring: a load on the shop in the cluster, with 1, 2, 4 of orders, stock-updater and partitions."""
    numbers = _numbers(counts)
    wanted = Load(
        users=users, spawn_rate=users, run_time=_seconds(time), orders_per_second=0, looks=0, items=_IN_STOCK, wrong_share=0
    )
    progress, console = Progress(), Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    measuring = Replicas(Kubectl.current(), ShopClient(find()), locust, wanted, progress.tell)
    measured: list[Measured] = []
    # Ended early, it tells what was measured until then, and puts everything back.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        for one in measuring.measure(numbers):
            measured.append(one)
            progress.tell(f"{one.accepted_per_s:.1f} accepted/s, {one.handled_per_s:.1f} handled/s, {one.backlog} waited")
    if as_json:
        print_json(measured)
    else:
        show_replicas(measured, console)
    if len(measured) < len(numbers):
        raise typer.Exit(130)


def _finish(made: Report, file: Path | None, *, as_json: bool) -> None:
    text = msgspec.json.format(msgspec.json.encode(made.as_json()), indent=2).decode() + "\n"
    if file:
        file.write_text(text, encoding="utf-8")
    if as_json:
        sys.stdout.write(text)
    else:
        show(made, Console(highlight=False, width=None if sys.stdout.isatty() else 140))
    if not made.ok:
        raise typer.Exit(1)


def _seconds(text: str) -> int:
    if not re.fullmatch(r"(\d+[hms]?)+", text):
        raise typer.BadParameter(f"{text!r} is no time, such as 30s or 1h30m", param_hint="--time")
    return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([hms]?)", text))


def _numbers(text: str) -> list[int]:
    if not re.fullmatch(r"[1-9]\d?(,[1-9]\d?)*", text):
        raise typer.BadParameter(f"{text!r} are no numbers from 1 to 99, such as 1,2,4", param_hint="--counts")
    return [int(number) for number in text.split(",")]


def _for_one_order(incident: str) -> str:
    switch = load_incident(incident).switch
    if switch is None or "request" not in switch.scope:
        raise typer.BadParameter(f"{incident} cannot be switched on for one order", param_hint="--chaos")
    return incident
