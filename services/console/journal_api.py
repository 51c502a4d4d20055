"""The journal over HTTP: reading it, and letting it begin anew."""

from typing import Any

import msgspec
from flask import Blueprint, Response, request

from console import moments
from console.board import Board, BoardBusyError, StillOnError
from console.journal import Journal
from vshop.kit.problems import Problem


def blueprint(board: Board, journal: Journal) -> Blueprint:
    """Make the endpoint.

    Args:
        board: writes the journal.
        journal: what is shown.
    """
    api = Blueprint("journal", __name__)

    @api.get("/journal")
    def show() -> Response:
        lines = journal.lines(**_from(request.args.get("since", "")))
        return Response(b"".join(msgspec.json.encode(line) + b"\n" for line in lines), mimetype="application/x-ndjson")

    @api.delete("/journal")
    def begin_anew() -> dict[str, int]:
        try:
            return {"lines": board.begin_journal_anew()}
        except StillOnError as error:
            raise Problem(409, str(error)) from error
        except BoardBusyError as error:
            raise Problem(503, str(error), headers={"Retry-After": "1"}) from error
        except OSError as error:
            raise Problem(503, f"The journal cannot be set aside ({error}); it goes on.") from error

    return api


def _from(since: str) -> dict[str, Any]:
    if not since:
        return {}
    try:
        if since.isdecimal():
            return {"after_revision": int(since)}
        return {"since": moments.read(since.replace(" ", "+"))}  # a + in a query is a space
    except (ValueError, OverflowError) as error:
        detail = "since must be a time such as 2026-01-31T12:00:00Z, or a revision: then what came after it is shown."
        raise Problem(400, detail, field="since") from error
