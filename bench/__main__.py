"""Runs the command line; a known failure is told in a sentence, with exit status 1."""

import sys

from rich.console import Console
from rich.markup import escape

from bench.cli import app
from bench.shopper import RefusedError
from bench.starting import StartError
from vshop.client import ShopError
from vshop.first_order import BrokenHopError
from vshop.runtime.errors import RuntimeProblem
from vshop.traces import TraceError

if __name__ == "__main__":
    try:
        app(prog_name="python -m bench")
    except (ShopError, RefusedError, StartError, BrokenHopError, RuntimeProblem, TraceError, TimeoutError) as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]✖[/] {escape(str(error))}")
        sys.exit(1)
