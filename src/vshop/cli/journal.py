"""``vshop journal``: what was switched when, the ground truth of a run."""

import sys
import time
from typing import Annotated, Any

import msgspec
import typer

from vshop.cli.output import AsJson, out

_ASK_EVERY_S = 1.0


def journal(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    since: Annotated[str, typer.Option(help="Only after this revision, or since this time, e.g. 2026-01-31T12:00:00Z.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the chaos board's journal: each line is one switch that was turned. With --json one JSON object a line."""
    from vshop.addresses import find  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.client import ShopClient  # noqa: PLC0415

    client = ShopClient(find())
    while True:
        for line in client.journal(since):
            _print(line, as_json=as_json)
            since = str(line["revision"])
        if not follow:
            return
        sys.stdout.flush()
        time.sleep(_ASK_EVERY_S)


def _print(line: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        return
    colour = "red" if line["state"] == "on" else "green"
    by = "" if line["by"] == "api" else f" ({line['by']})"
    out.print(
        f"[dim]{line['revision']:>4}  {line['time']}[/]  [{colour}]{line['state']:<3}[/] {line['incident']}{by}  "
        f"[dim]{line['ackMs']:.0f} ms[/]"
    )
