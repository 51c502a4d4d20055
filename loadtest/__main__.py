"""Runs the command line; a known failure is told in a sentence, with exit status 1."""

import sys

from rich.console import Console
from rich.markup import escape

from loadtest.cli import app
from loadtest.ledger import LostLinesError
from loadtest.swarm import SwarmError
from loadtest.torture import TortureError
from vshop.client import ShopError
from vshop.incidents.errors import UnknownIncidentError
from vshop.runtime.errors import RuntimeProblem
from vshop.traces import TraceError

if __name__ == "__main__":
    try:
        app(prog_name="python -m loadtest")
    except (ShopError, SwarmError, TortureError, LostLinesError, RuntimeProblem, TraceError, UnknownIncidentError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]✖[/] {escape(str(error))}")
        sys.exit(1)
