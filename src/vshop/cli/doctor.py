"""``vshop doctor``."""

import sys

from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, out, print_json
from vshop.runtime.local.doctor import FindingState, Host, run_checks
from vshop.runtime.local.shop import Shop

_MARKS: dict[FindingState, str] = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "bad": "[red]✗[/]"}


def doctor(*, as_json: AsJson = False) -> None:
    """Check whether this machine can run a shop, and print what to do if it cannot.

    ``!`` marks something optional that is missing. ``✗`` marks a reason why a shop would not start; the exit status is then 1.
    """
    findings = run_checks(Host(), running=Shop.running() is not None)
    fit = not any(finding.state == "bad" for finding in findings)
    if as_json:
        print_json({"fit": fit, "findings": findings})
    else:
        table = Table.grid(padding=(0, 2))
        for one in findings:
            what = escape(one.seen) + (f"\n[bold]{escape(one.do)}[/]" if one.do else "")
            table.add_row(f" {_MARKS[one.state]}", one.name, what)
        out.print(table)
        out.print("\nThis machine can run a shop: vshop up" if fit else "\nA shop would not start here. Fix the lines marked ✗.")
    if not fit:
        sys.exit(1)
