"""``vshop verify``."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Annotated

import typer
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from vshop.cli.output import AsJson, err, out, print_json, print_table
from vshop.cli.references import choose, complete_verifiable
from vshop.incidents import Incident
from vshop.incidents.incident import Scope
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.incidents.verify import Check, Phase, Verdict
from vshop.incidents.verify.batch import BatchVerifier, with_hops
from vshop.incidents.verify.telemetry_fault import TelemetryFaultVerifier
from vshop.kit.telemetry.modes import NONE, SDK
from vshop.kit.times import Clock
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient
from vshop.shop.hops import HOPS, HopReport
from vshop.shop.traces import TraceReader

_PHASES: tuple[Phase, ...] = ("clean", "on", "off", "recovery", "clean again")


def verify(
    incidents: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]…", help="Ids to verify (default: all incidents)", autocompletion=complete_verifiable),
    ] = None,
    *,
    telemetry_faults: Annotated[
        bool, typer.Option("--telemetry-faults", help="Verify all telemetry faults, besides the incidents that are named")
    ] = False,
    scope: Annotated[Scope, typer.Option(help="Switch on for all requests, or by baggage for the verifier's only")] = "global",
    parallel: Annotated[
        bool, typer.Option("--parallel", "-p", help="Verify request-scoped incidents in parallel, then the others")
    ] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", "-x", help="Stop at the first incident that fails")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify incidents: clean run, switch on, check every expected signal, switch off, clean run.

    Unless the services' telemetry mode is sdk, only the outcome is verified: answers, stock, dead letters, journal.
    Exits with status 1 when an incident fails. Place no other orders meanwhile: stock and metrics are compared exactly. All
    incidents are off afterwards, also after Ctrl-C.
    """
    known, faults = choose(incidents, telemetry_faults=telemetry_faults)
    chosen = _in_scope(known, scope, named=bool(incidents))
    if faults:
        _require_sdk()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the incidents are switched off
    addresses = find()
    began = time.monotonic()
    ids = [*(one.id for one in chosen), *(one.id for one in faults)]
    progress = _Progress(ids, live=out.is_terminal and not as_json)
    with progress.shown():
        shop, traces = ShopClient(addresses), TraceReader(addresses.traces)
        verifier = BatchVerifier(shop=shop, traces=traces, progress=progress, scope=scope, fail_fast=fail_fast)
        verdicts = list(verifier.in_parallel(chosen) if parallel else verifier.in_sequence(chosen))
        if not (fail_fast and any(not one.verified for one in verdicts)):
            verdicts += _verify_faults(faults, progress, fail_fast=fail_fast)
    if not parallel:  # else several orders would share the time by which an agent's spans are found
        verdicts = with_hops(verdicts, {one.id: one for one in chosen}, TraceReader(addresses.traces), Clock())
    verdicts.sort(key=lambda verdict: ids.index(verdict.incident))
    if as_json:
        print_json(verdicts)
    else:
        _print_verdicts(verdicts, progress, time.monotonic() - began)
    sys.exit(0 if all(verdict.verified for verdict in verdicts) else 1)


def _require_sdk() -> None:
    mode = ShopClient(find()).telemetry_mode()
    if mode != SDK:
        raise typer.BadParameter(
            f"Telemetry faults alter what the services record in the mode {SDK}, and this shop's mode is {mode}. "
            f"Start one with `vshop up --telemetry {SDK}`."
        )


def _verify_faults(faults: list[TelemetryFault], progress: "_Progress", *, fail_fast: bool) -> Iterator[Verdict]:
    verifier = TelemetryFaultVerifier(ShopClient(find()))
    for fault in faults:
        progress.begin(fault.id)
        verdict = verifier.verify(fault, partial(progress.phase, fault.id))
        progress.end(verdict)
        yield verdict
        if fail_fast and not verdict.verified:
            return


def _in_scope(incidents: list[Incident], scope: Scope, *, named: bool) -> list[Incident]:
    """Those that do not allow the scope are refused if they were named, and left out if not."""
    unable = [one.id for one in incidents if one.switch and scope not in one.switch.scope]
    if unable and named:
        other = "global" if scope == "request" else "request"
        words = "for all requests at once" if scope == "request" else "for single requests"
        raise typer.BadParameter(f"{', '.join(unable)} can only be on {words}. Use --scope {other}.", param_hint="--scope")
    if unable:
        err.print(f"[yellow]Not verified, because they do not allow --scope {scope}:[/] {', '.join(unable)}")
    return [one for one in incidents if one.id not in unable]


class _Progress:
    def __init__(self, incidents: list[str], *, live: bool) -> None:
        self._incidents, self._live = incidents, live
        self._marks: dict[str, dict[str, str]] = {}
        self._ends: dict[str, tuple[str, ...]] = {}

    def shown(self) -> AbstractContextManager[object]:
        """Show the table while the block runs, if the terminal can."""
        return Live(get_renderable=self.table, console=out, refresh_per_second=8) if self._live else nullcontext()

    def begin(self, incident: str) -> None:
        self._marks[incident] = {"clean": "[yellow]…[/]"}
        self._ends.pop(incident, None)

    def phase(self, incident: str, phase: Phase, checks: list[Check]) -> None:
        failed = sum(not check.ok for check in checks)
        mark = f"[red]✖ {failed}[/]" if failed else f"[green]✔[/] [dim]{len(checks)}[/]"
        self._marks[incident]["on" if phase == "trigger" else phase] = mark
        if not self._live:
            result = f"[red]{failed} of {len(checks)} not as expected[/]" if failed else f"{len(checks)} checks"
            err.print(f"{incident:<32} {phase:<12} {result}")

    def end(self, verdict: Verdict) -> None:
        colour = "green" if verdict.verified else "red"
        if self._marks[verdict.incident]["clean"] == "[yellow]…[/]":
            del self._marks[verdict.incident]["clean"]
        self._ends[verdict.incident] = (colour, str(len(verdict.checks)), f"{verdict.seconds:.1f}")

    def table(self) -> Table:
        table = Table("incident", *_PHASES, "checks", "seconds", box=None, header_style="dim")
        for incident in (one for one in self._incidents if one in self._marks):
            colour, *numbers = self._ends.get(incident, ("bold", "", ""))
            table.add_row(f"[{colour}]{incident}[/]", *(self._marks[incident].get(phase, "") for phase in _PHASES), *numbers)
        return table


def _print_telemetry(verdicts: list[Verdict]) -> None:
    modes = dict.fromkeys(verdict.telemetry for verdict in verdicts if not verdict.telemetry_judged)
    if not modes:
        return
    reason = "no service records any" if [*modes] == [NONE] else "incident files describe that of the mode sdk"
    out.print(f"\n[yellow]Telemetry was not judged[/] (mode {escape(', '.join(modes))}): {reason}.", soft_wrap=True)
    rows = []
    for verdict in verdicts:
        cells = {hop.hop: _hop_cell(hop) for hop in verdict.hops or ()}
        rows += [(verdict.incident, *(cells.get(hop.id, "") for hop in HOPS))] if cells else []
    if rows:
        print_table("incident", *(hop.id for hop in HOPS), rows=rows)


def _hop_cell(hop: HopReport) -> str:
    state = (hop.parent or "found") if hop.span else "missing"
    colour = "green" if state in {"found", "intact", "linked"} else "red"
    error = "" if hop.error in {"", "yes", "not tried"} or not hop.span else ", [red]no error[/]"
    return f"[{colour}]{state}[/]{error}"


def _print_verdicts(verdicts: list[Verdict], progress: _Progress, seconds: float) -> None:
    out.print(progress.table())
    for verdict in verdicts:
        for check in verdict.failed:
            out.print(f"\n[red]✖ {verdict.incident}[/], {check.phase}, {check.what}")
            out.print(f"  expected  {escape(str(check.expected))}\n  seen      {escape(str(check.seen))}", soft_wrap=True)
            if check.evidence:
                out.print(f"  [dim]evidence  {escape(str(check.evidence))}[/]", soft_wrap=True)
    for reason in dict.fromkeys(one.completeness.reason for one in verdicts if one.completeness.by == "calm window"):
        out.print(f"\n[yellow]Checked after a quiet period instead of a flush:[/] {escape(reason)}", soft_wrap=True)
    _print_telemetry(verdicts)
    good = sum(verdict.verified for verdict in verdicts)
    out.print(f"\n[{'green' if good == len(verdicts) else 'red'}]{good} of {len(verdicts)} verified[/] in {seconds:.0f} s")
