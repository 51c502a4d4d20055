"""``vshop conformance``."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, err, out, print_json

if TYPE_CHECKING:
    from vshop.conformance import Finding


def conformance(
    source: Annotated[
        Path | None,
        typer.Argument(
            help="A folder of OTLP JSON lines (SHOP_EXPORT_DIR) or a corpus; without it a shop is started for the check."
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Hold the telemetry that is emitted against the semantic conventions. Exit status 1 when something violates them."""
    from vshop.conformance import check  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.conformance.emitting import from_a_shop, from_files  # noqa: PLC0415

    report = check(from_a_shop() if source is None else from_files(source))
    if as_json:
        print_json(report)
    else:
        checked = ", ".join(f"{count} {what}" for what, count in report.checked.items())
        out.print(f"Semantic conventions {report.schema}: {checked}.\n")
        _tell(report.violations)
        for by, reason in dict.fromkeys((one.deviation.by, one.deviation.reason) for one in report.deviations if one.deviation):
            names = sorted({one.attribute for one in report.deviations if one.deviation and one.deviation.reason == reason})
            out.print(f"[yellow]known[/]  {escape(by)}: {', '.join(names)}. {escape(reason)}", soft_wrap=True)
        style = "red" if report.violations else "green"
        out.print(f"\n[{style}]{len(report.violations)} violations[/], {len(report.deviations)} known deviations.")
    if report.violations:
        err.print("A violation is to be mended, or named with its reason in src/vshop/conformance/deviations.yaml.")
        sys.exit(1)


def _tell(violations: "Iterable[Finding]") -> None:
    table = Table("rule", "group", "service", "item", "attribute", "seen", "times", box=None, header_style="dim")
    for one in violations:
        cells = (one.rule, one.group, one.service, one.item, one.attribute, one.seen, str(one.count))
        table.add_row(*(escape(cell) for cell in cells))
    if table.row_count:
        out.print(table)
