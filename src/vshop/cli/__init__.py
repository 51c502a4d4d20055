"""The ``vshop`` command line."""

import sys

import typer

from vshop.cli.app import app


def main() -> None:
    """Run the command line. A known failure prints one line, or with ``--json`` an object, and exits with status 1."""
    as_json = "--json" in sys.argv
    try:
        status = app(standalone_mode=not as_json)
        sys.exit(status if isinstance(status, int) else 0)
    except BrokenPipeError:  # `vshop logs | head`
        sys.stderr.close()
        sys.exit(1)
    except typer.Abort:  # with --json only
        sys.exit(1)
    except Exception as error:
        if as_json and hasattr(error, "format_message"):  # a wrong command line
            _print_json_failure(type(error).__name__, error.format_message())
            sys.exit(getattr(error, "exit_code", 2))
        from vshop.cli.output import KNOWN_FAILURES, print_failure  # noqa: PLC0415 - only after a failure

        if not isinstance(error, KNOWN_FAILURES):
            raise
        if as_json:
            _print_json_failure(type(error).__name__, str(error))
        else:
            print_failure(error)
        sys.exit(1)


def _print_json_failure(kind: str, message: str) -> None:
    from vshop.cli.output import print_json  # noqa: PLC0415 - only after a failure

    print_json({"error": {"type": kind, "message": message}})
