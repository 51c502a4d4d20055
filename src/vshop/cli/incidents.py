"""``vshop incidents`` and ``vshop score``."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import Result, Steps, command, err, out, print_table
from vshop.cli.references import complete_incident
from vshop.incidents import Incident, load_catalogue, load_incident, wording
from vshop.incidents.exports import Telemetry, held, window, write_openrca, write_rcaeval
from vshop.incidents.schema import check_catalogue
from vshop.incidents.scoring import CaseScore, IncidentRun, runs, truths
from vshop.incidents.scoring import score as score_answers
from vshop.kit.http import json_body
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.traces import TraceReader

app = typer.Typer(no_args_is_help=True, add_completion=False)

_ANSWERS = ("fault", "pairOf", "story", "harmless", "rootCause", "expect", "recovery", "propagation", "rollback", "answer")


@command(app, "list")
def list_incidents(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Validate every incident file instead of listing; exit with status 1 on a problem")
    ] = False,
) -> Steps:
    """List all incidents with their symptom, difficulty and scope."""
    if check:
        problems = check_catalogue()
        yield Result({"problems": problems}, failed=bool(problems))
        for problem in problems:
            err.print(f"[red]✖[/] {escape(problem)}")
        if not problems:
            out.print("[green]✔[/] Every incident file is valid.")
        return
    catalogue = load_catalogue()
    yield list(catalogue.values())
    rows = []
    for incident in catalogue.values():
        scope = ", ".join(incident.switch.scope) if incident.switch else "by its trigger alone"
        rows.append((incident.id, escape(incident.title), "●" * incident.workshop.level, f"[dim]{scope}[/]"))
    print_table("id", "the complaint", "level", "switched on", rows=rows)
    out.print(f"\n{len(catalogue)} in all; some only look like faults. Next: vshop incidents show ID")


@command(app)
def show(
    incident: Annotated[str, typer.Argument(metavar="ID", help="Id of the incident", autocompletion=complete_incident)],
    *,
    answer: Annotated[bool, typer.Option("--answer", help="Also show the root cause and the expected signals")] = False,
) -> Steps:
    """Show an incident's symptom, the commands that reproduce it, and hints. Use --answer for the root cause."""
    known = load_incident(incident)
    yield {key: value for key, value in msgspec.to_builtins(known).items() if answer or key not in _ANSWERS}
    out.print(f"[bold]{escape(known.title)}[/]  [dim]{known.id}, level {known.workshop.level}[/]\n")
    out.print(f"The shopper sees: {escape(known.symptom.shopper)}\n")
    for line in wording.commands(known):
        out.print(f"  {escape(line)}", soft_wrap=True)
    out.print("\nHints")
    for number, hint in enumerate(known.workshop.hints, 1):
        out.print(f"  {number}. {escape(hint)}")
    if answer:
        _show_answer(known)
    else:
        out.print(f"\n[dim]The answer: vshop incidents show {known.id} --answer[/]")


@app.command()
def docs() -> None:
    """Print docs/incidents.md, generated from the catalogue."""
    sys.stdout.write(wording.make_docs(load_catalogue()))


@command(app)
def truth(
    *,
    shape: Annotated[Literal["rcaeval", "openrca"], typer.Option("--format", help="Benchmark whose format to write")],
    folder: Annotated[Path, typer.Option("--out", help="Folder to write to")],
) -> Steps:
    """Export the journal's runs with their ground truth, as far back as the observatory holds metrics."""
    catalogue = load_catalogue()
    found = runs(ShopClient(find()).journal(), catalogue)
    if not found:
        raise ShopError("The journal holds no run of a fault. Switch a fault on first, e.g. with `vshop verify`.", hop="console")
    now = time.time()
    if shape == "openrca":
        written = write_openrca(folder, found, catalogue)
    else:
        telemetry = _telemetry(found, now)
        kept = held(found, telemetry)
        if len(kept) < len(found):
            err.print(f"{len(found) - len(kept)} of {len(found)} runs are older than the stored metrics and left out.")
        written = write_rcaeval(folder, kept, catalogue, telemetry, now)
    yield {"written": [str(path) for path in written]}
    for path in written:
        out.print(str(path), soft_wrap=True)


@command()
def score(
    answers: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help='JSON file: by incident or run id the candidates, likeliest first, each {"service", "component", "errorType", '
            '"spanId"}; an empty list means that nothing is wrong',
        ),
    ],
    *,
    verdicts: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Output of `vshop verify --json`, which holds the culprit spans"),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Output of `vshop journal --json`, which holds the runs")
    ] = None,
) -> Steps:
    """Score diagnoses against the ground truth: AC@k and Avg@5.

    The scores are given by service, component, error type and culprit span.
    """
    catalogue = load_catalogue()
    diagnoses = _read(answers, dict[str, list[dict[str, Any]]])
    lines = [msgspec.json.decode(line) for line in journal.read_bytes().splitlines()] if journal else []
    seen = _read(verdicts, list[dict[str, Any]]) if verdicts else []
    result = score_answers(diagnoses, truths(catalogue, runs(lines, catalogue, twins=True), seen))
    yield result
    print_table("answer", "service", "component", "error type", "span", rows=((case.id, *_ranks(case)) for case in result.cases))
    out.print()
    rows = (
        (aspect, str(total.cases), *(f"{figure:.2f}" for figure in (total.ac[1], total.ac[3], total.avg5, total.precision)))
        for aspect, total in result.totals.items()
    )
    print_table("", "cases", "AC@1", "AC@3", "Avg@5", "precision", rows=rows)


def _show_answer(incident: Incident) -> None:
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
        table.add_row(span.label, escape(wording.span_words(span)), escape("\n".join(wording.span_details(span))), style=style)
    for absent in incident.expect.absent:
        details = escape("\n".join(wording.span_details(absent)))
        table.add_row("(none)", escape(wording.span_words(absent)), details, style="bold red" if absent.root_cause else "dim")
    out.print()
    out.print(table)
    for log in incident.expect.logs:
        out.print(f"log     {escape(wording.log_words(log))}")
    for move in incident.expect.metrics:
        out.print(f"metric  {escape(wording.move_words(move))}")
    for alert in incident.expect.alerts.firing:
        out.print(f"alert   {alert.rule} fires")


def _telemetry(found: list[IncidentRun], now: float) -> Telemetry:
    addresses = find()
    client, traces = ShopClient(addresses), TraceReader(addresses.traces)
    begin, end = window(found[0], now)[0], max(window(run, now)[1] for run in found)
    ids = dict.fromkeys(one for service in ("orders", "stock-updater") for one in traces.between(service, begin, end))
    spans = [span for trace_id in ids for span in traces.get(trace_id).spans]
    logs = client.logs(since=int(begin * 1e6), limit=100_000)
    return Telemetry(metrics=client.metrics(""), logs=logs, spans=spans)


def _ranks(case: CaseScore) -> Iterator[str]:
    if case.right is not None:
        yield "[green]nothing is wrong ✔[/]" if case.right else "[red]it was no fault[/]"
        return
    for name in ("service", "component", "errorType", "spanId"):
        aspect = case.aspects.get(name)  # without one, the true value is unknown
        yield "[dim]?[/]" if aspect is None else f"[green]{aspect.rank}[/]" if aspect.rank else "[red]none[/]"


def _read(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"{path}: {json_body.explain(error)[0]}") from error
