"""Records a terminal session on the shop that runs: the broken order and its repair, as docs/screenshots/terminal.svg.

The commands are typed into the real command line, and what it prints is drawn. ``make screenshots`` calls this.
"""

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
    """Type, and draw what is seen."""
    console = Console(record=True, width=WIDTH, file=sys.stderr, force_terminal=True)
    for command in SESSION:
        console.print(f"[bold green]$[/] [bold]{command}[/]")
        # Everything a person would see, refusals on stderr included, with its colours.
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
    FILE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL), encoding="utf-8")  # no fonts from elsewhere
    sys.stdout.write("docs/screenshots/terminal.svg\n")


def _environment() -> dict[str, str]:
    return os.environ | {"COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "PYTHONUNBUFFERED": "1"}


if __name__ == "__main__":
    main()
