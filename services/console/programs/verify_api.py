"""``POST /verify``: is what the incidents' files say what happens? It takes seconds for each, so there is a run to ask for."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from flask import Blueprint, Response, jsonify, request, url_for

from console.programs.catalogue_api import known
from console.programs.verify_runs import BusyError, Run, VerifyRuns
from vshop.incidents.incident import Incident
from vshop.kit import json_text
from vshop.kit.problems import Problem


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body: which incidents, all without it; and how they are switched on."""

    ids: list[str] = []
    scope: Literal["global", "request"] = "global"


def blueprint(catalogue: Mapping[str, Incident], runs: VerifyRuns) -> Blueprint:
    """Make ``/verify`` and ``/verify/<number>``."""
    api = Blueprint("verify", __name__)

    @api.post("/verify")
    def begin() -> tuple[Response, int, dict[str, str]]:
        try:
            asked = json_text.decode(request.get_data() or b"{}", Asked)
        except msgspec.DecodeError as error:
            raise Problem(400, f"The body is no {{ids: [id, …], scope}}: {error}") from error
        for incident in asked.ids:
            known(incident, catalogue)
        try:
            run = runs.start(asked.ids or list(catalogue), asked.scope)
        except BusyError as error:
            detail = f"Run {error.number} is under way, and nobody else may order meanwhile. GET /verify/{error.number} tells more."
            raise Problem(409, detail, run=error.number) from error
        return jsonify(_view(run)), 202, {"Location": url_for("verify.look", number=run.number)}

    @api.get("/verify/<int:number>")
    def look(number: int) -> dict[str, Any]:
        run = runs.get(number)
        if run is None:
            raise Problem(404, f"There is no run {number}. POST /verify begins one; the latest {runs.KEPT} are kept.")
        return _view(run)

    return api


def _view(run: Run) -> dict[str, Any]:
    verified = None if run.state != "done" else all(verdict["verified"] for verdict in run.verdicts)
    return {
        "run": run.number,
        "state": run.state,
        "ids": run.ids,
        "scope": run.scope,
        "verified": verified,
        "verdicts": run.verdicts,
        "error": run.error,
    }
