"""``vshop doctor``: can this machine run a shop?"""

import sys
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, out, print_json

if TYPE_CHECKING:
    from vshop.runtime.doctor import State

_MARKS: dict["State", str] = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}


def doctor(*, as_json: AsJson = False) -> None:
    """Check this machine: Python, memory, ports, what is fetched, Docker, browser; and say what to do.

    ``!`` is something that a shop on this machine does without. Exit status 1 when a shop would not start: ``✗``.
    """
    from vshop.runtime.doctor import examine  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.runtime.machine import Machine  # noqa: PLC0415
    from vshop.runtime.shop import Shop  # noqa: PLC0415

    findings = examine(Machine(), running=Shop.running() is not None)
    fit = not any(finding.state == "bad" for finding in findings)
    if as_json:
        print_json({"fit": fit, "findings": findings})
    else:
        table = Table.grid(padding=(0, 2))
        for one in findings:
            what = escape(one.seen) + (f"\n[bold]{escape(one.do)}[/]" if one.do else "")
            table.add_row(f" {_MARKS[one.state]}", one.name, what)
        out.print(table)
        out.print("\nThis machine can run a shop: vshop up" if fit else "\nA shop would not start here: see what is marked ✗.")
    if not fit:
        sys.exit(1)
