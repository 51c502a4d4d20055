"""``vshop metrics|alerts``: how the shop is doing, without looking at any single order."""

import time

from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, out, print_json

_STATES = {"firing": "[red]firing[/]", "pending": "[yellow]pending[/]"}


def metrics(*, as_json: AsJson = False) -> None:
    """Show the business in figures: orders accepted and handled, errors by type, what waits on the topic."""
    from vshop.addresses import find  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.business import WINDOW_S, counts, lag  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415

    client = ShopClient(find())
    found, waiting = counts(client.metrics, time.time()), lag(client.metrics)
    if as_json:
        print_json({"windowSeconds": WINDOW_S, "lag": waiting, "counters": {name: one._asdict() for name, one in found.items()}})
        return
    table = Table("", "in all", f"last {WINDOW_S} s", box=None, header_style="dim")
    for name, one in found.items():
        style = "red" if name.startswith("error ") and one.lately else ""
        table.add_row(escape(name), f"{one.total:.0f}", f"{one.lately:.0f}", style=style)
    table.add_row("waiting on the topic", f"{waiting:.0f}", "")
    out.print(table)


def alerts(*, as_json: AsJson = False) -> None:
    """Show the alerts, judged from the traces of the last minute."""
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415

    found = ShopClient(find()).alerts()
    if as_json:
        print_json(found)
        return
    table = Table("alert", "", "value", "of", "a trace of it", box=None, header_style="dim")
    for one in found:
        labels = escape(", ".join(map(str, one["labels"].values())))
        state = _STATES.get(one["state"], f"[dim]{one['state']}[/]")
        table.add_row(one["rule"], state, f"{one['value'] or 0:.3g}", labels, (one["traceIds"] or [""])[-1])
    out.print(table)
