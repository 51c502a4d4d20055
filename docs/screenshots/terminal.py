"""Runs commands on the running shop and draws their output as docs/screenshots/terminal.svg: `make screenshots`."""

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

FILE = Path(__file__).with_name("terminal.svg")
WIDTH = 120
SESSION = (
    "vshop chaos on stock-put-missing-key",
    "vshop order --quantity 2",
    "vshop chaos off stock-put-missing-key",
    "vshop dlq replay --all",
)


def main() -> None:
    """Run the session and write the SVG."""
    console = Console(record=True, width=WIDTH, file=sys.stderr, force_terminal=True)
    for command in SESSION:
        console.print(f"[bold green]$[/] [bold]{command}[/]")
        ran = subprocess.run(
            [sys.executable, "-m", "vshop.cli", *command.split()[1:]],
            env=_environment(),
            stdout=-1,
            stderr=-2,
            text=True,
            check=False,
        )
        console.print(Text.from_ansi(re.sub(r"127\.0\.0\.1:\d+(?=/trace)", "127.0.0.1:16686", ran.stdout)))
    drawn = console.export_svg(title="The virtual shop", unique_id="terminal")
    FILE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL), encoding="utf-8")  # no external fonts
    sys.stdout.write("docs/screenshots/terminal.svg\n")


def _environment() -> dict[str, str]:
    return os.environ | {"COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "PYTHONUNBUFFERED": "1"}


if __name__ == "__main__":
    main()
