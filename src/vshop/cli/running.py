"""``vshop up|down|status|restart`` of a shop whose parts are processes of this machine."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from vshop.cli import containers, kubernetes
from vshop.cli.output import AsJson, err, out, print_json
from vshop.cli.watching import Watch

if TYPE_CHECKING:
    from vshop.first_order import Followed
    from vshop.runtime.options import Options
    from vshop.runtime.shop import Shop

Mode = Annotated[
    Literal["embedded", "compose", "k8s"],
    typer.Option(
        help="`embedded`: processes of this machine. `compose`: containers, with Jaeger, Kafka and DynamoDB Local. "
        "`k8s`: the same in a Kubernetes cluster."
    ),
]


def _ports(values: list[str]) -> dict[str, int]:
    ports = {}
    for value in values:
        name, _, number = value.partition("=")
        if not number.isdecimal() or not 0 < int(number) < 65536:
            raise typer.BadParameter(f"{value!r} is not NAME=NUMBER, such as orders=18080", param_hint="--port")
        ports[name] = int(number)
    return ports


def up(
    *,
    port: Annotated[list[str], typer.Option("--port", "-p", help="Another port, e.g. orders=18080; may be repeated.")] = [],  # noqa: B006 - Typer copies it
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Choose free ports for everything.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep orders and stock of the last run instead of starting clean.")] = False,
    dynamodb: Annotated[
        Literal["moto", "local"], typer.Option(help="What plays DynamoDB: moto, or DynamoDB Local under Amazon's licence.")
    ] = "moto",
    jaeger: Annotated[
        str,
        typer.Option(help="A real Jaeger beside the observatory: `auto` (one found on PATH), `none`, a program, or an address."),
    ] = "auto",
    mode: Mode = "embedded",
    overlay: kubernetes.Overlay = "local",
    image: kubernetes.Image = "",
    image_loader: kubernetes.ImageLoader = "",
    volume_permissions: kubernetes.VolumePermissions = False,
    link: Annotated[
        bool, typer.Option("--link", help="Processing is a trace of its own, linked to the order's (SHOP_KAFKA_TRACE=link).")
    ] = False,
    forward: Annotated[
        str, typer.Option(metavar="URL", help="An OTLP endpoint that gets all signals as well: http:// or grpc:// (SHOP_FORWARD).")
    ] = "",
    home: Annotated[str | None, typer.Option(help="Folder for state, logs and data (VSHOP_HOME).")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds everything together gets to become ready.")] = 60.0,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, and stop the shop with Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the shop on this machine, send one order through it, and print where everything is."""
    from vshop.kit.settings import load  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.runtime.options import Options  # noqa: PLC0415

    load()  # a wrong SHOP_* value is told here, once, rather than in each service's log
    if mode == "compose":
        _refuse_in(mode, port=port, free_ports=free_ports, link=link, forward=forward, home=home, foreground=foreground)
        containers.up(timeout, as_json=as_json)
        return
    if mode == "k8s":
        _refuse_in(mode, link=link, forward=forward, foreground=foreground)
        asked = kubernetes.asked(
            overlay,
            image,
            image_loader,
            _ports(port),
            home,
            timeout,
            free_ports=free_ports,
            volume_permissions=volume_permissions,
        )
        kubernetes.up(asked, as_json=as_json)
        return
    options = Options(
        home=home,
        ports=_ports(port),
        free_ports=free_ports,
        keep=keep,
        env=({"SHOP_KAFKA_TRACE": "link"} if link else {}) | ({"SHOP_FORWARD": forward} if forward else {}),
        dynamodb=dynamodb,
        jaeger=jaeger,
        detached=not foreground,
        timeout_s=timeout,
    )
    _start(options, as_json=as_json)


def _start(options: "Options", *, as_json: bool) -> None:
    from vshop.runtime.shop import Shop  # noqa: PLC0415

    started = time.monotonic()
    already = Shop.running(options.home) is not None
    shop = Shop.start(options, Watch())
    followed = _first_order(shop)
    seconds = time.monotonic() - started
    if as_json:
        print_json(
            {
                "addresses": shop.addresses,
                "home": shop.state.home,
                "seconds": seconds,
                "alreadyRunning": already,
                "traceId": followed.placed.trace_id,
            }
        )
    else:
        _tell(shop, followed, seconds, already=already)
    if not options.detached:
        _stay(shop)


def _refuse_in(mode: str, **given: object) -> None:
    for name, value in given.items():
        if value:
            instead = {
                "port": "VSHOP_ORDERS_PORT and the like move a port",
                "link": "SHOP_KAFKA_TRACE=link does it",
                "forward": "SHOP_FORWARD=URL does it, with host.docker.internal for this machine",
            }.get(name, "")
            raise typer.BadParameter(
                f"not with --mode {mode}{'; ' + instead if instead else ''}", param_hint=f"--{name.replace('_', '-')}"
            )


def _first_order(shop: "Shop") -> "Followed":
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415
    from vshop.first_order import follow  # noqa: PLC0415
    from vshop.traces import TraceReader  # noqa: PLC0415

    addresses = find(shop.state.home)
    return follow(ShopClient(addresses), TraceReader(addresses.traces))


def _tell(shop: "Shop", followed: "Followed", seconds: float, *, already: bool) -> None:
    state = "up already" if already else "up"
    out.print(
        f"\n[bold green]The shop is {state}[/]: an order went end to end in {followed.seconds:.2f} s; {seconds:.1f} s in all.\n"
    )
    table = Table.grid(padding=(0, 2))
    for name, url in shop.addresses.items():
        table.add_row(f"  {name}", url)
    table.add_row("  first trace", str(followed.placed.trace_url))
    table.add_row("  logs, state", shop.state.home)
    out.print(table)
    out.print("\nNext: [bold]vshop order[/]   [bold]vshop status[/]   [bold]vshop down[/]")


def _stay(shop: "Shop") -> None:
    from vshop.kit.server import stop_event  # noqa: PLC0415

    stop_event().wait()
    shop.stop(Watch())


def down(
    home: Annotated[str | None, typer.Option(help="Folder of the shop (VSHOP_HOME).")] = None,
    *,
    mode: Mode = "embedded",
    volumes: Annotated[bool, typer.Option("--volumes", "-v", help="Containers: also remove what they stored.")] = False,
) -> None:
    """Stop the shop; nothing of it is left running."""
    from vshop.runtime.shop import Shop  # noqa: PLC0415

    if mode == "compose":
        containers.down(volumes=volumes)
        return
    if mode == "k8s":
        kubernetes.down(home)
        return
    shop = Shop.running(home)
    if shop is None:
        err.print("No shop runs here.")
        return
    stopped = shop.stop(Watch())
    out.print(
        f"Stopped in {stopped.seconds:.1f} s." + (f" Had to be killed: {', '.join(stopped.killed)}." if stopped.killed else "")
    )


def restart(
    part: Annotated[str, typer.Argument(help="Name of the part, e.g. stock-updater.")],
    home: Annotated[str | None, typer.Option(help="Folder of the shop (VSHOP_HOME).")] = None,
) -> None:
    """Stop one part and start it again, its data kept."""
    from vshop.runtime.errors import NotRunningError  # noqa: PLC0415
    from vshop.runtime.shop import Shop  # noqa: PLC0415

    shop = Shop.running(home)
    if shop is None:
        raise NotRunningError("No shop runs here. `vshop up` starts one.")
    shop.restart(part, Watch())


def status(
    home: Annotated[str | None, typer.Option(help="Folder of the shop (VSHOP_HOME).")] = None, *, as_json: AsJson = False
) -> None:
    """Show every part: alive, ready, memory, address, log. Exit status 1 when one is not ready.

    Where no process of this machine runs a shop, the addresses of one elsewhere (containers, VSHOP_*_URL) are asked.
    """
    from vshop.runtime.shop import Shop  # noqa: PLC0415

    shop = Shop.running(home)
    if shop is None:
        containers.status(as_json=as_json)
        return
    seen: Any = shop.status()
    if as_json:
        print_json(seen)
    else:
        table = Table("part", "state", "pid", "MB", "address", "seen", box=None, header_style="dim")
        for name, part in seen["parts"].items():
            state = "[green]ready[/]" if part["ready"] else "[yellow]not ready[/]" if part["alive"] else "[red]dead[/]"
            table.add_row(name, state, str(part["pid"]), f"{part['rss_bytes'] / 1e6:.0f}", part["url"], part["seen"])
        out.print(table)
        out.print(f"\n{seen['rss_bytes'] / 1e6:.0f} MB resident in all. State and logs: {seen['home']}")
    if not seen["ready"]:
        sys.exit(1)
