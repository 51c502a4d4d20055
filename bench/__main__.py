"""Runs the command line; a known failure is told in a sentence, with exit status 1."""

import sys

from bench.cli import app
from bench.shopper import RefusedError
from bench.starting import StartError
from vshop.cli.output import known_failures, tell_failure

if __name__ == "__main__":
    known: tuple[type[Exception], ...] = (RefusedError, StartError, TimeoutError, *known_failures())
    try:
        app(prog_name="python -m bench")
    except known as error:
        tell_failure(error)
        sys.exit(1)
