"""``vshop``: parses and prints, nothing else."""

import sys


def main() -> None:
    """Run the command line; a known failure is told in a sentence, with exit status 1, not with a stack trace."""
    from vshop.cli.app import app  # noqa: PLC0415 - an import of vshop.cli costs nothing
    from vshop.cli.output import known_failures, tell_failure  # noqa: PLC0415

    try:
        app()
    except known_failures() as error:
        tell_failure(error)
        sys.exit(1)
    except BrokenPipeError:  # `vshop logs | head`
        sys.stderr.close()
        sys.exit(1)
