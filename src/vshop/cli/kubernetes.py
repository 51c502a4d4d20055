"""``vshop up|down --mode k8s``: the shop in a Kubernetes cluster."""

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from vshop.cli.output import err, out, print_json
from vshop.cli.watching import Watch

if TYPE_CHECKING:
    from vshop.first_order import Followed
    from vshop.runtime.cluster.forwards import Forwards
    from vshop.runtime.cluster.lifecycle import Wanted

_SHORTEST_S = 180.0
"""What a start in a cluster gets at least: volumes are made and images pulled."""

Overlay = Annotated[str, typer.Option(help="Kubernetes: `local`, `scale`, `aws`, or a folder with a kustomization.")]
Image = Annotated[str, typer.Option(help="Kubernetes: an image that the cluster has or can pull, instead of building one.")]
ImageLoader = Annotated[
    str,
    typer.Option(
        envvar="VSHOP_K8S_LOAD",
        help="Kubernetes: a command that hands images from Docker to the cluster, e.g. `kind load docker-image`; it gets a name.",
    ),
]
VolumePermissions = Annotated[
    bool,
    typer.Option(
        "--volume-permissions",
        envvar="VSHOP_K8S_VOLUME_PERMISSIONS",
        help="Kubernetes: open each volume first, as root, where the cluster makes them for root alone and does not heed fsGroup.",
    ),
]


def asked(
    overlay: str,
    image: str,
    image_loader: str,
    ports: dict[str, int],
    home: str | None,
    timeout_s: float,
    *,
    free_ports: bool,
    volume_permissions: bool,
) -> "Wanted":
    """Put the options together."""
    from vshop.runtime.cluster.lifecycle import Wanted  # noqa: PLC0415 - `vshop --help` needs none of it

    return Wanted(
        overlay=overlay,
        image=image,
        image_loader=image_loader,
        volume_permissions=volume_permissions,
        ports=ports,
        free_ports=free_ports,
        home=home,
        timeout_s=max(timeout_s, _SHORTEST_S),
    )


def up(wanted: "Wanted", *, as_json: bool) -> None:
    """Start the shop in the cluster, send one order through it, and print where everything is.

    Args:
        wanted: what, and how.
        as_json: print JSON, for a program.
    """
    from vshop.addresses import Addresses  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415
    from vshop.first_order import follow  # noqa: PLC0415
    from vshop.runtime.cluster import lifecycle  # noqa: PLC0415
    from vshop.traces import TraceReader  # noqa: PLC0415

    started = time.monotonic()
    reached = lifecycle.up(wanted, Watch())
    addresses = Addresses(**reached.addresses)
    followed = follow(ShopClient(addresses), TraceReader(addresses.traces), timeout_s=60.0)
    seconds = time.monotonic() - started
    if as_json:
        print_json(
            {
                "addresses": addresses,
                "context": reached.context,
                "overlay": reached.overlay,
                "seconds": seconds,
                "traceId": followed.placed.trace_id,
            }
        )
    else:
        _tell(reached, followed, seconds)


def _tell(reached: "Forwards", followed: "Followed", seconds: float) -> None:
    out.print(f"\n[bold green]The shop is up[/]: an order went end to end in {followed.seconds:.2f} s; {seconds:.1f} s in all.\n")
    table = Table.grid(padding=(0, 2))
    for name, url in reached.addresses.items():
        table.add_row(f"  {name}", url)
    table.add_row("  first trace", str(followed.placed.trace_url))
    table.add_row("  cluster", f"context {reached.context}, namespace virtual-shop, overlay {reached.overlay}")
    out.print(table)
    out.print("\nNext: [bold]vshop order[/]   [bold]vshop status[/]   [bold]vshop down --mode k8s[/]")


def down(home: str | None) -> None:
    """Take the shop out of the cluster, with all that it stored.

    Args:
        home: folder of the shop.
    """
    from vshop.runtime.cluster import lifecycle  # noqa: PLC0415

    began = time.monotonic()
    if lifecycle.down(home, Watch()):
        out.print(f"The namespace is gone, and what it held; {time.monotonic() - began:.1f} s.")
    else:
        err.print("No shop runs in the cluster.")
