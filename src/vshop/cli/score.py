"""``vshop score``: how good is a diagnosis?"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from vshop.cli.output import AsJson, out, print_json


def score(
    answers: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help='JSON: by incident or run id the candidates, the likeliest first, each {"service", "component", "errorType", '
            '"spanId"}; no candidate says that nothing is wrong.',
        ),
    ],
    *,
    verdicts: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="What `vshop verify --json` printed: it knows the culprit spans."),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="What `vshop journal --json` printed: it knows the runs.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score diagnoses against the ground truth: AC@k and Avg@5 by service, component, error type and culprit span."""
    from vshop.incidents import load_catalogue  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.incidents.runs import runs  # noqa: PLC0415
    from vshop.incidents.scoring import score as score_answers  # noqa: PLC0415
    from vshop.incidents.truth import truths  # noqa: PLC0415

    catalogue = load_catalogue()
    given = _read(answers, dict[str, list[dict[str, Any]]])
    lines = [msgspec.json.decode(line) for line in journal.read_bytes().splitlines()] if journal else []
    seen = _read(verdicts, list[dict[str, Any]]) if verdicts else []
    result = score_answers(given, truths(catalogue, runs(lines, catalogue, twins=True), seen))
    if as_json:
        print_json(result)
        return
    ranks = Table("answer", "service", "component", "error type", "span", box=None, header_style="dim")
    for case in result.cases:
        if case.right is not None:
            ranks.add_row(case.id, "[green]nothing is wrong ✔[/]" if case.right else "[red]it was no fault[/]")
            continue
        places = [
            case.aspects[aspect].rank if aspect in case.aspects else 0 for aspect in ("service", "component", "errorType", "spanId")
        ]
        ranks.add_row(case.id, *(_place(place) for place in places))
    out.print(ranks)
    totals = Table("", "cases", "AC@1", "AC@3", "Avg@5", "precision", box=None, header_style="dim")
    for aspect, total in result.totals.items():
        figures = (total.ac[1], total.ac[3], total.avg5, total.precision)
        totals.add_row(aspect, str(total.cases), *(f"{figure:.2f}" for figure in figures))
    out.print()
    out.print(totals)


def _place(rank: int | None) -> str:
    """Show the place of the first right candidate; 0 stands for an aspect that nothing is known of."""
    return "[red]none[/]" if rank is None else f"[green]{rank}[/]" if rank else "[dim]?[/]"


def _read(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"{path}: {error}") from error
