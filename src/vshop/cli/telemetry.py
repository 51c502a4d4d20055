"""``vshop export|conformance|instrumentation-report``."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from vshop.cli.output import AsJson, Steps, command, err, out, plural, print_json, print_table
from vshop.cli.references import choose, complete_verifiable
from vshop.conformance import ConformanceReport, check
from vshop.conformance.instrumentation import measure
from vshop.conformance.sources import from_files, from_new_shop
from vshop.corpus.exporter import as_zip
from vshop.corpus.exporter import export as export_corpus
from vshop.incidents import Incident
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.kit.telemetry.dialects import form
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient
from vshop.shop.hops import HopReport
from vshop.shop.traces import TraceReader

_GOOD = {"intact", "linked", "yes"}


@command()
def export(
    incidents: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids to record (default: all incidents)", autocompletion=complete_verifiable),
    ] = None,
    *,
    to: Annotated[Path, typer.Option("--out", "-o", help="New or empty folder, or new .zip file, to write to")],
    telemetry_faults: Annotated[
        bool, typer.Option("--telemetry-faults", help="Record all telemetry faults, besides the incidents that are named")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Make ids and times reproducible: the same seed gives the same bytes")] = None,
) -> Steps:
    """Record incidents on a temporary shop: OTLP, Jaeger JSON, and the ground truth."""
    chosen, faults = choose(list(dict.fromkeys(incidents or ())), telemetry_faults=telemetry_faults)
    ids = [*(one.id for one in chosen), *(one.id for one in faults)]

    def print_progress(number: int, incident: Incident | TelemetryFault) -> None:
        err.print(f"{number + 1:>3} of {len(ids)}  {incident.id}")

    with as_zip(to) if to.suffix == ".zip" else nullcontext(to) as folder:
        export_corpus(chosen, folder, seed, print_progress, faults)
    yield {"written": str(to), "cases": ids}
    out.print(f"Wrote {plural(len(ids), 'case')} to {to}.", soft_wrap=True)


def conformance(
    source: Annotated[
        Path | None,
        typer.Argument(help="Folder of OTLP JSON lines (SHOP_EXPORT_DIR), or a corpus (default: start a temporary shop)"),
    ] = None,
    *,
    dialect: Annotated[
        Literal["old", "dup", "stable"] | None,
        typer.Option(help="Spelling of the attributes (default: as OTEL_SEMCONV_STABILITY_OPT_IN says)", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the emitted telemetry against the OpenTelemetry semantic conventions.

    Exits with status 1 when something violates them.
    """
    chosen = dialect or form("http")
    report = check(from_new_shop(chosen) if source is None else from_files(source), chosen)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if report.violations:
        err.print("Fix each violation, or list it with a reason in src/vshop/conformance/deviations.yaml.")
        sys.exit(1)


def _print_report(report: ConformanceReport) -> None:
    checked = ", ".join(f"{count} {what}" for what, count in report.checked.items())
    out.print(f"Semantic conventions {report.schema}: {checked}.\n")
    columns = ("rule", "group", "service", "item", "attribute", "seen")
    if report.violations:
        rows = ((*(escape(getattr(one, column)) for column in columns), str(one.count)) for one in report.violations)
        print_table(*columns, "times", rows=rows)
    for by, reason in dict.fromkeys((one.deviation.by, one.deviation.reason) for one in report.deviations if one.deviation):
        names = sorted({one.attribute for one in report.deviations if one.deviation and one.deviation.reason == reason})
        out.print(f"[yellow]known[/]  {escape(by)}: {', '.join(names)}. {escape(reason)}", soft_wrap=True)
    style = "red" if report.violations else "green"
    out.print(f"\n[{style}]{plural(len(report.violations), 'violation')}[/], {plural(len(report.deviations), 'known deviation')}.")


@command()
def instrumentation_report(
    *,
    calm: Annotated[float, typer.Option(min=0.0, help="Seconds without a new span before the spans are judged")] = 6.0,
) -> Steps:
    """Report, hop by hop, which spans the shop's instrumentation or your agent records.

    Places one good order and four that fail, then compares the received spans with the hops that an order passes. Place no other
    orders meanwhile.
    """
    addresses = find()
    result = measure(ShopClient(addresses), TraceReader(addresses.traces), lambda step: err.print(f"[dim]{step}[/]"), calm)
    yield result
    print_table("service", "hop", "span", "parent", "kind", "attributes", "payload", "error", rows=map(_cells, result.hops))
    found = sum(bool(hop.span) for hop in result.hops)
    out.print(f"\n{found} of {len(result.hops)} hops have a span, in {plural(result.traces, 'trace')}.")
    if result.other_services:
        out.print(f"[yellow]Spans also came from {escape(', '.join(result.other_services))}. Does your agent set service.name?[/]")


def _cells(hop: HopReport) -> list[str]:
    if not hop.span:
        return [hop.service, hop.hop, "[red]missing[/]"]
    kind = hop.kind if hop.kind == hop.expected_kind else f"[red]{hop.kind}[/], not {hop.expected_kind}"
    attributes = f"[red]without[/] {', '.join(hop.missing_attributes)}" if hop.missing_attributes else "[green]all[/]"
    payload = _coloured("yes" if hop.payload else "no")
    return [hop.service, hop.hop, escape(hop.span), _coloured(hop.parent), kind, attributes, payload, _coloured(hop.error)]


def _coloured(text: str) -> str:
    if text == "not tried":
        return f"[dim]{text}[/]"
    return f"[{'green' if text in _GOOD else 'red'}]{text}[/]"
