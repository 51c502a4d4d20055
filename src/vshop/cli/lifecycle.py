"""``vshop up|down|status|restart``."""

import os
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from vshop.cli.output import AsJson, ProgressPrinter, Result, Steps, command, err, out, print_json, print_table
from vshop.cli.references import complete_part
from vshop.kit.settings import load
from vshop.kit.telemetry.modes import VARIABLE
from vshop.runtime.compose import TAIL_SAMPLING, ComposeMode
from vshop.runtime.kubernetes.mode import ClusterMode, ClusterOptions
from vshop.runtime.local.shop import LocalMode, Shop
from vshop.runtime.model.options import Options
from vshop.runtime.model.probes import probe_shop
from vshop.runtime.model.progress import Mode, Started
from vshop.shop.addresses import Addresses, find
from vshop.shop.client import ShopClient
from vshop.shop.first_order import Followed, follow
from vshop.shop.traces import TraceReader

Home = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="Folder for the shop's state, logs and data (default: VSHOP_HOME, else per user)"),
]
ModeName = Annotated[
    Literal["embedded", "compose", "k8s"],
    typer.Option(
        help="Where the shop runs: processes on this machine (`embedded`), containers with real Jaeger, Kafka and DynamoDB Local "
        "(`compose`), or a Kubernetes cluster (`k8s`)"
    ),
]
Port = Annotated[
    list[str] | None, typer.Option("--port", "-p", metavar="NAME=NUMBER", help="Use another port, e.g. orders=18080 (repeatable)")
]
FreePorts = Annotated[bool, typer.Option("--free-ports", help="Use free ports for all parts")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the orders and stock of the last run")]
DynamoDb = Annotated[
    Literal["moto", "local"], typer.Option(help="DynamoDB emulator: moto, or DynamoDB Local (under Amazon's licence)")
]
Jaeger = Annotated[
    str, typer.Option(help="Jaeger to run beside the observatory: `auto` (found on PATH), `none`, a program, or an address")
]
Overlay = Annotated[
    str, typer.Option(help="Kubernetes: overlay `local`, `scale`, `aws`, `tail-sampling`, or a folder with a kustomization")
]
Image = Annotated[str, typer.Option(help="Kubernetes: image that the cluster has or can pull (default: build one)")]
ImageLoader = Annotated[
    str,
    typer.Option(
        envvar="VSHOP_K8S_LOAD",
        help="Kubernetes: command that loads an image from Docker into the cluster, e.g. `kind load docker-image`",
    ),
]
VolumePermissions = Annotated[
    bool,
    typer.Option(
        "--volume-permissions",
        envvar="VSHOP_K8S_VOLUME_PERMISSIONS",
        help="Kubernetes: make volumes writable in a root init container, for clusters that ignore fsGroup",
    ),
]
Link = Annotated[
    bool, typer.Option("--link", help="Process each order in a new trace linked to the order's (SHOP_KAFKA_TRACE=link)")
]
Forward = Annotated[
    str,
    typer.Option(
        metavar="TARGETS",
        help="Also send signals to these OTLP endpoints (SHOP_FORWARD), separated by commas: "
        "`http://host:port` or `grpc://host:port`, each with options such as `;signals=traces,logs` and `;header=x-api-key=secret`",
    ),
]
TailSampling = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=100,
        metavar="PERCENT",
        help="Compose: keep all traces with an error and this share of the rest, by a Collector (SHOP_TAIL_SAMPLING)",
    ),
]
Telemetry = Annotated[
    str,
    typer.Option(
        metavar="MODE",
        envvar=VARIABLE,
        help="Who instruments orders, auth-stub and stock-updater: `sdk` (themselves, the default), `none`, `zero-code` "
        "(opentelemetry-instrument), or the command that starts your agent, e.g. `ddtrace-run`",
    ),
]
_OF_PROCESSES = {
    "link": "Set SHOP_KAFKA_TRACE=link instead.",
    "forward": "Set SHOP_FORWARD instead; this machine is host.docker.internal.",
    "foreground": "",
}
_REFUSED = {
    "embedded": {"tail_sampling": "Add --mode compose."},
    "compose": {"port": "Set VSHOP_ORDERS_PORT or the like instead.", "free_ports": "", "home": "", **_OF_PROCESSES},
    "k8s": {"tail_sampling": "Use --overlay tail-sampling instead.", **_OF_PROCESSES},
}
"""Options that do not work in a mode, and what to do instead."""


def up(
    *,
    port: Port = None,
    free_ports: FreePorts = False,
    keep: Keep = False,
    dynamodb: DynamoDb = "moto",
    jaeger: Jaeger = "auto",
    mode: ModeName = "embedded",
    overlay: Overlay = "local",
    image: Image = "",
    image_loader: ImageLoader = "",
    volume_permissions: VolumePermissions = False,
    link: Link = False,
    forward: Forward = "",
    telemetry: Telemetry = "",
    tail_sampling: TailSampling = None,
    home: Home = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the whole shop to become ready")] = 60.0,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay in the foreground; Ctrl-C stops the shop")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the shop, send one order through it, and print all addresses."""
    load()  # report a wrong SHOP_* value here, once, instead of in each service's log
    ports = _parse_ports(port or [])
    given = {"port": port, "free_ports": free_ports, "link": link, "forward": forward, "home": home, "foreground": foreground}
    _refuse(mode, given | {"tail_sampling": tail_sampling is not None})
    if telemetry:
        os.environ[VARIABLE] = telemetry  # read by every mode
    if tail_sampling is not None:
        os.environ[TAIL_SAMPLING] = f"{tail_sampling:g}"  # docker-compose.yml reads it
    chosen: Mode
    if mode == "compose":
        chosen = ComposeMode(timeout)
    elif mode == "k8s":
        cluster = ClusterOptions(overlay=overlay, image=image, image_loader=image_loader, volume_permissions=volume_permissions)
        chosen = ClusterMode(msgspec.structs.replace(cluster, ports=ports, free_ports=free_ports, home=home, timeout_s=timeout))
    else:
        settings = {"SHOP_KAFKA_TRACE": "link" if link else "", "SHOP_FORWARD": forward, VARIABLE: telemetry}
        env = {name: value for name, value in settings.items() if value}
        options = Options(home=home, ports=ports, free_ports=free_ports, keep=keep, env=env, dynamodb=dynamodb, jaeger=jaeger)
        chosen = LocalMode(msgspec.structs.replace(options, detached=not foreground, timeout_s=timeout))
    _start(chosen, as_json=as_json)
    if foreground:
        from vshop.kit.http.server import stop_event  # noqa: PLC0415 - the HTTP server takes long to import

        stop_event().wait()
        chosen.down(ProgressPrinter())


def _parse_ports(values: list[str]) -> dict[str, int]:
    ports = {}
    for value in values:
        name, _, number = value.partition("=")
        if not number.isdecimal() or not 0 < int(number) < 65536:
            raise typer.BadParameter(f"{value!r} is not NAME=NUMBER, such as orders=18080", param_hint="--port")
        ports[name] = int(number)
    return ports


def _refuse(mode: str, given: Mapping[str, object]) -> None:
    for name, instead in _REFUSED[mode].items():
        if given[name]:
            raise typer.BadParameter(
                f"This option does not work with --mode {mode}. {instead}".rstrip(), param_hint=f"--{name.replace('_', '-')}"
            )


def _start(mode: Mode, *, as_json: bool) -> None:
    began = time.monotonic()
    started = mode.up(ProgressPrinter())
    addresses = Addresses(**mode.addresses())
    result: dict[str, Any] = {"addresses": started.addresses, "traceId": None}
    text, first_order = "The shop is up already[/].", {}
    if not started.already:
        followed = follow(ShopClient(addresses), TraceReader(addresses.traces), timeout_s=mode.first_order_s)
        seconds = time.monotonic() - began
        telemetry = {} if followed.telemetry == "sdk" else {"telemetry": followed.telemetry}
        result |= {"seconds": seconds, "traceId": followed.placed.trace_id} | telemetry
        first_order = telemetry | _first_trace(followed)
        text = f"The shop is up[/]: an order went end to end in {followed.seconds:.2f} s; {seconds:.1f} s in all."
    if as_json:
        print_json(result | dict(started.details))
    else:
        out.print(f"\n[bold green]{text}\n")
        _print_started(mode, started, first_order)


def _print_started(mode: Mode, started: Started, first_order: Mapping[str, str]) -> None:
    table = Table.grid(padding=(0, 2))
    for name, text in {**started.addresses, **first_order, **started.rows}.items():
        table.add_row(f"  {name}", Text(text, overflow="fold"))
    out.print(table)
    for note in started.notes:
        out.print(f"\n{escape(note)}", soft_wrap=True)
    stop = "vshop down" if mode.name == "embedded" else f"vshop down --mode {mode.name}"
    out.print(f"\nNext: [bold]vshop order[/]   [bold]vshop status[/]   [bold]{stop}[/]")


def _first_trace(followed: Followed) -> dict[str, str]:
    without = followed.telemetry.startswith(("sdk; traces", "sdk; no traces"))
    return {} if without or not followed.placed.trace_id else {"first trace": str(followed.placed.trace_url)}


@command()
def down(
    home: Home = None,
    *,
    mode: ModeName = "embedded",
    volumes: Annotated[bool, typer.Option("--volumes", "-v", help="Also remove the containers' stored data")] = False,
) -> Steps:
    """Stop the shop and everything that belongs to it."""
    ended = _existing(mode, home, volumes=volumes).down(ProgressPrinter())
    yield {"stopped": ended.found, "text": ended.text}
    (out if ended.found else err).print(ended.text)


def _existing(mode: str, home: str | None, *, volumes: bool = False) -> Mode:
    if mode == "compose":
        return ComposeMode(volumes=volumes)
    return ClusterMode(ClusterOptions(home=home)) if mode == "k8s" else LocalMode(Options(home=home))


@command()
def restart(
    part: Annotated[str, typer.Argument(help="Name of the part, e.g. stock-updater", autocompletion=complete_part)],
    home: Home = None,
) -> Steps:
    """Restart one part. Orders, stock and switches are kept; the observatory starts empty."""
    Shop.find(home).restart(part, ProgressPrinter())
    yield {"restarted": part}
    if part == "observatory":
        out.print("The observatory keeps traces, logs and metrics in memory; those from before the restart are gone.")


@command(can_watch=True)
def status(
    home: Home = None,
    *,
    mode: Annotated[
        Literal["embedded", "compose", "k8s"] | None,
        typer.Option(help="Check only a shop of this mode (default: the one on this machine, else VSHOP_*_URL)"),
    ] = None,
) -> Steps:
    """Show each part's state, memory and address.

    Exits with status 1 when a part is not ready. Without a shop on this machine, it checks the addresses of a shop elsewhere
    (containers, or VSHOP_*_URL).
    """
    if mode is None and Shop.running(home) is None:
        seen = probe_shop(msgspec.to_builtins(find()))
    else:
        seen = _existing(mode or "embedded", home).status()
    yield Result(seen, failed=not seen["ready"])
    if seen["parts"]:
        _print_status(seen)
    else:
        err.print("No shop is running on this machine or at the VSHOP_*_URL addresses. Start one with `vshop up`.")


def _print_status(seen: Mapping[str, Any]) -> None:
    processes = "run" in seen
    rows = []
    for name, part in seen["parts"].items():
        reached, gone = (part["alive"], "dead") if processes else (part["reached"], "unreachable")
        state = "[green]ready[/]" if part["ready"] else "[yellow]not ready[/]" if reached else f"[red]{gone}[/]"
        process = (str(part["pid"]), f"{part['rss_bytes'] / 1e6:.0f}") if processes else ()
        rows.append((name, state, *process, part["url"], escape(part["seen"])))
    print_table("part", "state", *(("pid", "MB") if processes else ()), "address", "seen", rows=rows)
    if processes:
        out.print(f"\n{seen['rss_bytes'] / 1e6:.0f} MB resident in all. State and logs: {seen['home']}")
