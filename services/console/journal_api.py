"""The journal over HTTP: ``GET /journal``."""

from typing import Any

import msgspec
from flask import Blueprint, Response, request

from console import moments
from console.journal import Journal
from vshop.kit.problems import Problem


def blueprint(journal: Journal) -> Blueprint:
    """Make the endpoint.

    Args:
        journal: what is shown.
    """
    api = Blueprint("journal", __name__)

    @api.get("/journal")
    def show() -> Response:
        lines = journal.lines(**_from(request.args.get("since", "")))
        return Response(b"".join(msgspec.json.encode(line) + b"\n" for line in lines), mimetype="application/x-ndjson")

    return api


def _from(since: str) -> dict[str, Any]:
    if not since:
        return {}
    if since.isdecimal():
        return {"after_revision": int(since)}
    try:
        return {"since": moments.read(since.replace(" ", "+"))}  # a + in a query is a space
    except (ValueError, OverflowError) as error:
        detail = "since must be a time such as 2026-01-31T12:00:00Z, or a revision: then what came after it is shown."
        raise Problem(400, detail, field="since") from error
