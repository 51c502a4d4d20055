"""``vshop incidents list|show|docs|truth``: the catalogue."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, err, out, print_json

if TYPE_CHECKING:
    from vshop.incidents import Incident
    from vshop.incidents.exports.rcaeval import Telemetry
    from vshop.incidents.runs import Run

app = typer.Typer(no_args_is_help=True, help="The catalogue: what can be broken, what is then seen, what its cause is.")

_ANSWERS = ("fault", "pairOf", "story", "harmless", "rootCause", "expect", "recovery", "propagation", "rollback", "answer")


@app.command("list")
def list_incidents(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Check every file instead; exit status 1 when something is wrong.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List all incidents: the complaint, how hard it is, how it is switched on."""
    from vshop.incidents import load_catalogue  # noqa: PLC0415 - `vshop --help` needs none of it

    if check:
        _check()
        return
    catalogue = load_catalogue()
    if as_json:
        print_json([incident.to_builtins() for incident in catalogue.values()])
        return
    table = Table("id", "the complaint", "level", "switched on", box=None, header_style="dim")
    for incident in catalogue.values():
        scope = ", ".join(incident.switch.scope) if incident.switch else "by its trigger alone"
        table.add_row(incident.id, escape(incident.title), "●" * incident.workshop.level, f"[dim]{scope}[/]")
    out.print(table)
    out.print(f"\n{len(catalogue)} in all; some only look like faults. Next: vshop incidents show ID")


@app.command()
def show(
    incident: Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")],
    *,
    answer: Annotated[bool, typer.Option("--answer", help="Also what is wrong, where, and what must be seen.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show an incident as a workshop does: the complaint, how to see it, hints. The answer only with --answer."""
    from vshop.incidents import load_incident  # noqa: PLC0415

    known = load_incident(incident)
    if as_json:
        print_json({key: value for key, value in known.to_builtins().items() if answer or key not in _ANSWERS})
        return
    _show_question(known)
    if answer:
        _show_answer(known)
    else:
        out.print(f"\n[dim]The answer: vshop incidents show {known.id} --answer[/]")


@app.command()
def docs() -> None:
    """Print docs/incidents.md, made from the catalogue."""
    from vshop.incidents import load_catalogue  # noqa: PLC0415
    from vshop.incidents.docs import make_docs  # noqa: PLC0415

    sys.stdout.write(make_docs(load_catalogue()))


@app.command()
def truth(
    *,
    shape: Annotated[Literal["rcaeval", "openrca"], typer.Option("--format", help="Which benchmark's shape.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
) -> None:
    """Export the journal's runs with their ground truth, as far back as the journal and the observatory reach."""
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415
    from vshop.incidents import load_catalogue  # noqa: PLC0415
    from vshop.incidents.exports import openrca, rcaeval  # noqa: PLC0415
    from vshop.incidents.runs import runs  # noqa: PLC0415

    catalogue = load_catalogue()
    found = runs(ShopClient(find()).journal(), catalogue)
    if not found:
        err.print("The journal holds no run of a fault: switch one on first, e.g. `vshop verify`.")
        sys.exit(1)
    now = time.time()
    if shape == "openrca":
        written = openrca.write(folder, found, catalogue)
    else:
        telemetry = _telemetry(found, now)
        kept = rcaeval.held(found, telemetry)
        if len(kept) < len(found):
            err.print(f"{len(found) - len(kept)} of {len(found)} runs are older than the metrics that are held, and left out.")
        written = rcaeval.write(folder, kept, catalogue, telemetry, now)
    for path in written:
        out.print(str(path), soft_wrap=True)


def _check() -> None:
    from vshop.incidents.checking import check_catalogue  # noqa: PLC0415

    problems = check_catalogue()
    for problem in problems:
        err.print(f"[red]✖[/] {escape(problem)}")
    if problems:
        sys.exit(1)
    out.print("[green]✔[/] Every file is as it should be.")


def _show_question(incident: "Incident") -> None:
    from vshop.incidents import telling  # noqa: PLC0415

    out.print(f"[bold]{escape(incident.title)}[/]  [dim]{incident.id}, level {incident.workshop.level}[/]\n")
    out.print(f"The shopper sees: {escape(incident.symptom.shopper)}\n")
    for command in telling.commands(incident):
        out.print(f"  {escape(command)}", soft_wrap=True)
    out.print("\nHints")
    for number, hint in enumerate(incident.workshop.hints, 1):
        out.print(f"  {number}. {escape(hint)}")


def _show_answer(incident: "Incident") -> None:
    from vshop.incidents import telling  # noqa: PLC0415

    out.print(f"\n[bold]{'The answer' if incident.fault else 'Nothing is wrong'}[/]\n{escape(incident.story)}")
    if incident.harmless:
        out.print(escape(incident.harmless))
    cause = incident.root_cause
    if cause is not None:
        out.print(f"\nRoot cause   {escape(f'{cause.service}, {cause.component}: {cause.reason}')}\nIn the code  {cause.code}")
    for effect in incident.propagation:
        out.print(f"Then         {escape(f'{effect.source} → {effect.target}: {effect.effect}')}")
    if incident.rollback:
        out.print(f"To end it    {escape(incident.rollback)}")
    table = Table("span", "", "with", box=None, header_style="dim")
    for span in incident.expect.spans:
        style = "bold red" if span.root_cause else ""
        table.add_row(span.label, escape(telling.span_words(span)), escape("\n".join(telling.span_details(span))), style=style)
    for absent in incident.expect.absent:
        details = escape("\n".join(telling.span_details(absent)))
        table.add_row("(none)", escape(telling.span_words(absent)), details, style="bold red" if absent.root_cause else "dim")
    out.print()
    out.print(table)
    for log in incident.expect.logs:
        out.print(f"log     {escape(telling.log_words(log))}")
    for move in incident.expect.metrics:
        out.print(f"metric  {escape(telling.move_words(move))}")
    for alert in incident.expect.alerts.firing:
        out.print(f"alert   {alert.rule} fires")


def _telemetry(found: "list[Run]", now: float) -> "Telemetry":
    from vshop.addresses import find  # noqa: PLC0415
    from vshop.client import ShopClient  # noqa: PLC0415
    from vshop.incidents.exports.rcaeval import Telemetry, window  # noqa: PLC0415
    from vshop.verify import TraceFinder  # noqa: PLC0415

    addresses = find()
    client, traces = ShopClient(addresses), TraceFinder(addresses.traces)
    begin, end = window(found[0], now)[0], max(window(run, now)[1] for run in found)
    ids = dict.fromkeys(one for service in ("orders", "stock-updater") for one in traces.between(service, begin, end))
    spans: list[dict[str, Any]] = [
        {
            "traceID": span.trace_id,
            "spanID": span.span_id,
            "parentSpanID": span.parent_id or "",
            "serviceName": span.service,
            "methodName": span.name,
            "operationName": span.name,
            "startTime": span.start_ns // 1000,
            "duration": (span.end_ns - span.start_ns) // 1000,
            "statusCode": span.attributes.get("http.response.status_code", 2 if span.status == "ERROR" else 0),
        }
        for trace_id in ids
        for span in traces.get(trace_id).spans
    ]
    logs = client.logs(since=int(begin * 1e6), limit=100_000)
    return Telemetry(metrics=client.metrics(""), logs=logs, spans=spans)
