"""``vshop verify``: is what the incidents' files say what happens?"""

import signal
import sys
from typing import TYPE_CHECKING, Annotated, Literal, Self

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, err, out, print_json

if TYPE_CHECKING:
    from vshop.verify import Check, Phase, Verdict

_PHASES: tuple["Phase", ...] = ("clean", "on", "off", "recovery", "clean again")


def verify(
    incidents: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Which incidents; all without it.")] = None,
    *,
    scope: Annotated[
        Literal["global", "request"], typer.Option(help="Switch on for everybody, or by baggage for the trigger's requests alone.")
    ] = "global",
    fail_fast: Annotated[bool, typer.Option("--fail-fast", "-x", help="Stop at the first that fails.")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify incidents: clean, on, everything its file says is seen, off, clean again. Exit status 1 when one fails.

    Nobody else may order meanwhile: stock and metrics are counted to the piece. However it ends, everything is off.
    """
    from vshop.addresses import find  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.client import ShopClient  # noqa: PLC0415
    from vshop.incidents import load_catalogue, load_incident  # noqa: PLC0415
    from vshop.verify import TraceFinder  # noqa: PLC0415
    from vshop.verify import verify as verify_one  # noqa: PLC0415

    chosen = [load_incident(one) for one in incidents] if incidents else list(load_catalogue().values())
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else it would end without switching off
    addresses = find()
    shop, traces = ShopClient(addresses), TraceFinder(addresses.traces)
    verdicts: list[Verdict] = []
    with _Progress(live=out.is_terminal and not as_json) as progress:
        for incident in chosen:
            progress.begin(incident.id)
            verdicts.append(verify_one(incident, shop, traces, scope=scope, watch=progress.phase))
            progress.end(verdicts[-1])
            if fail_fast and not verdicts[-1].verified:
                break
    if as_json:
        print_json(verdicts)
    else:
        _tell(verdicts, progress)
    sys.exit(0 if all(verdict.verified for verdict in verdicts) else 1)


class _Progress:
    """A table that fills while a terminal looks on; a line a phase on stderr otherwise."""

    def __init__(self, *, live: bool) -> None:
        self._rows: list[list[str]] = []
        self._live = Live(self.table(), console=out, refresh_per_second=8) if live else None
        self._incident = ""
        self._marks: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._live is not None:
            self._live.stop()

    def begin(self, incident: str) -> None:
        self._incident, self._marks = incident, {}
        if self._live is not None:
            self._live.update(self.table([f"[bold]{incident}[/]", "[yellow]…[/]"]))

    def phase(self, phase: "Phase", checks: "list[Check]") -> None:
        failed = sum(not check.ok for check in checks)
        self._marks["on" if phase == "trigger" else phase] = (
            f"[red]✖ {failed}[/]" if failed else f"[green]✔[/] [dim]{len(checks)}[/]"
        )
        if self._live is None:
            told = f"[red]{failed} of {len(checks)} not as expected[/]" if failed else f"{len(checks)} checks"
            err.print(f"{self._incident:<32} {phase:<12} {told}")
        else:
            self._live.update(self.table([f"[bold]{self._incident}[/]", *map(self._mark, _PHASES)]))

    def end(self, verdict: "Verdict") -> None:
        colour = "green" if verdict.verified else "red"
        marks = [self._mark(phase) for phase in _PHASES]
        self._rows.append([f"[{colour}]{verdict.incident}[/]", *marks, str(len(verdict.checks)), f"{verdict.seconds:.1f}"])
        if self._live is not None:
            self._live.update(self.table())

    def _mark(self, phase: str) -> str:
        return self._marks.get(phase, "")

    def table(self, under_way: list[str] | None = None) -> Table:
        """Return the table so far, with a row for the incident that is being verified."""
        table = Table("incident", *_PHASES, "checks", "seconds", box=None, header_style="dim")
        for row in [*self._rows, *([under_way] if under_way else [])]:
            table.add_row(*row)
        return table


def _tell(verdicts: "list[Verdict]", progress: _Progress) -> None:
    out.print(progress.table())
    for verdict in verdicts:
        for check in verdict.failed:
            out.print(f"\n[red]✖ {verdict.incident}[/], {check.phase}, {check.what}")
            out.print(f"  expected  {escape(str(check.expected))}\n  seen      {escape(str(check.seen))}", soft_wrap=True)
            if check.evidence:
                out.print(f"  [dim]evidence  {escape(str(check.evidence))}[/]", soft_wrap=True)
    good = sum(verdict.verified for verdict in verdicts)
    seconds = sum(verdict.seconds for verdict in verdicts)
    out.print(f"\n[{'green' if good == len(verdicts) else 'red'}]{good} of {len(verdicts)} verified[/] in {seconds:.0f} s")
