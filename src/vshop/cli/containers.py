"""``vshop up|down --mode compose``, and ``vshop status`` of a shop that no process of this machine's user runs."""

import sys
import time
from typing import TYPE_CHECKING

import msgspec
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import err, out, print_json

if TYPE_CHECKING:
    from vshop.addresses import Addresses
    from vshop.first_order import Followed
    from vshop.runtime.compose import Container


def up(timeout_s: float, *, as_json: bool) -> None:
    """Build and start the containers, send one order through them, and print where everything is.

    Args:
        timeout_s: how long to wait for the containers, in seconds.
        as_json: print JSON, for a program.
    """
    from vshop.addresses import Addresses  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.client import ShopClient  # noqa: PLC0415
    from vshop.first_order import follow  # noqa: PLC0415
    from vshop.runtime import compose  # noqa: PLC0415
    from vshop.traces import TraceReader  # noqa: PLC0415

    started = time.monotonic()
    compose.up(timeout_s)
    addresses = Addresses(**compose.addresses())
    followed = follow(ShopClient(addresses), TraceReader(addresses.traces))
    seconds = time.monotonic() - started
    running = compose.containers()
    if as_json:
        print_json(
            {
                "addresses": addresses,
                "seconds": seconds,
                "traceId": followed.placed.trace_id,
                "containers": [{"name": one.name, "residentBytes": one.resident_bytes} for one in running],
            }
        )
    else:
        _tell(addresses, followed, seconds, running)


def _tell(addresses: "Addresses", followed: "Followed", seconds: float, running: "list[Container]") -> None:
    out.print(f"\n[bold green]The shop is up[/]: an order went end to end in {followed.seconds:.2f} s; {seconds:.1f} s in all.\n")
    table = Table.grid(padding=(0, 2))
    for name, url in msgspec.to_builtins(addresses).items():
        table.add_row(f"  {name}", url)
    table.add_row("  first trace", str(followed.placed.trace_url))
    out.print(table)
    memory = Table.grid(padding=(0, 2))
    for one in running:
        memory.add_row(f"  {one.name}", f"{one.resident_bytes / 1e6:.0f} MB")
    out.print(f"\n{len(running)} containers, {sum(one.resident_bytes for one in running) / 1e6:.0f} MB resident in all:")
    out.print(memory)
    moved = _moved(addresses)
    if moved:
        out.print("\nNot on the default ports. So that every command finds it:\n" + "\n".join(moved), soft_wrap=True)
    out.print("\nNext: [bold]vshop order[/]   [bold]vshop status[/]   [bold]vshop down --mode compose[/]")


def _moved(addresses: "Addresses") -> list[str]:
    defaults = msgspec.to_builtins(type(addresses)())
    return [
        f"  export VSHOP_{name.upper()}_URL={url}" for name, url in msgspec.to_builtins(addresses).items() if url != defaults[name]
    ]


def down(*, volumes: bool) -> None:
    """Stop the containers.

    Args:
        volumes: also remove what they stored.
    """
    from vshop.runtime import compose  # noqa: PLC0415

    compose.down(volumes=volumes)
    out.print("The containers are gone" + ("." if not volumes else ", and what they stored."))


def status(*, as_json: bool) -> None:
    """Show which parts of a shop elsewhere can be reached and are ready. Exit status 1 when one is not.

    Args:
        as_json: print JSON, for a program.
    """
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.runtime import reach  # noqa: PLC0415

    parts = reach.look(msgspec.to_builtins(find()))
    ready = all(part["ready"] for part in parts.values())
    reached = any(part["reached"] for part in parts.values())
    if as_json:
        print_json({"ready": ready, "parts": parts if reached else {}})
    elif reached:
        table = Table("part", "state", "address", "seen", box=None, header_style="dim")
        for name, part in parts.items():
            state = "[green]ready[/]" if part["ready"] else "[yellow]not ready[/]" if part["reached"] else "[red]not there[/]"
            table.add_row(name, state, part["url"], escape(part["seen"]))
        out.print(table)
    else:
        err.print("No shop runs here, and none answers where one could be. `vshop up` starts one.")
    if not ready:
        sys.exit(1)
