"""``python -m bench``: parses and prints."""

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from bench import machine, results
from bench.runs import FULL, QUICK, SECTIONS, Programs
from bench.table import rows

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def bench(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Two minutes instead of ten: fewer of everything.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help=f"Only these sections: {', '.join(SECTIONS)}.")
    ] = None,
    hotrod: Annotated[Path | None, typer.Option(exists=True, help="HotROD's binary, to be measured beside the shop.")] = None,
    jaeger: Annotated[Path | None, typer.Option(exists=True, help="Jaeger's binary (version 2), behind both.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the result to this file, as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, for a program.")] = False,
) -> None:
    """Measure the shop on this machine: starts, latency, throughput, the cost of tracing, memory, growth."""
    for name in only or ():
        if name not in SECTIONS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(SECTIONS)}", param_hint="--only")
    console = Console(stderr=True, highlight=False)
    began = time.perf_counter()
    measured = results.Results(started=datetime.now(UTC).isoformat(timespec="seconds"), quick=quick, machine=machine.describe())
    programs = Programs(jaeger or _on_path("jaeger"), hotrod or _on_path("hotrod"))
    for name, section in SECTIONS.items():
        if only and name not in only:
            continue
        console.print(f"{time.perf_counter() - began:6.1f} s  {name}: {section.__doc__}")
        with tempfile.TemporaryDirectory(prefix="vshop-bench-", ignore_cleanup_errors=True) as folder:
            section(measured, QUICK if quick else FULL, Path(folder), programs)
    measured.machine = msgspec.structs.replace(measured.machine, calibration_after_s=machine.calibrate())
    measured.seconds = time.perf_counter() - began
    console.print(f"{measured.seconds:6.1f} s  done")
    text = results.write(measured)
    if out:
        out.write_bytes(text)
    if as_json:
        sys.stdout.write(text.decode())
    else:
        _show(results.read(text))


def _on_path(program: str) -> Path | None:
    found = shutil.which(program)
    return Path(found) if found else None


def _show(measured: results.Results) -> None:
    table = Table("what", "measured", "goal, or beside it", box=None, header_style="dim")
    for row in rows(measured):
        table.add_row(*row)
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)
