"""Runs the command line; a known failure is told in a sentence, with exit status 1."""

import sys

from loadtest.cli import app
from loadtest.ledger import LostLinesError
from loadtest.swarm import SwarmError
from loadtest.torture import TortureError
from vshop.cli.output import known_failures, tell_failure

if __name__ == "__main__":
    known: tuple[type[Exception], ...] = (SwarmError, TortureError, LostLinesError, *known_failures())
    try:
        app(prog_name="python -m loadtest")
    except known as error:
        tell_failure(error)
        sys.exit(1)
