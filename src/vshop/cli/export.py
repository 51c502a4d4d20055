"""``vshop export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vshop.cli.output import err, out

if TYPE_CHECKING:
    from vshop.incidents import Incident


def export(
    incidents: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Which incidents; all of them if none is named.")
    ] = None,
    *,
    to: Annotated[Path, typer.Option("--out", "-o", help="An empty or new folder, or a new file that ends with .zip.")],
    seed: Annotated[
        int | None,
        typer.Option(help="Make ids, times and all that differs between two runs canonical: the same seed, the same bytes."),
    ] = None,
) -> None:
    """Record incidents on a shop of their own: OTLP and Jaeger JSON, with the ground truth beside it."""
    from vshop.corpus.exporting import export as run  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.corpus.writing import as_zip  # noqa: PLC0415
    from vshop.incidents import load_catalogue, load_incident  # noqa: PLC0415

    chosen = [load_incident(name) for name in dict.fromkeys(incidents)] if incidents else list(load_catalogue().values())

    def watch(number: int, incident: "Incident") -> None:
        err.print(f"{number + 1:>3} of {len(chosen)}  {incident.id}")

    if to.suffix == ".zip":
        with as_zip(to) as folder:
            run(chosen, folder, seed, watch)
    else:
        run(chosen, to, seed, watch)
    out.print(f"{len(chosen)} cases are in {to}.", soft_wrap=True)
