"""``/incidents``, ``/verify`` and ``/score``. They do not say which incidents are on."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from flask import Blueprint, Response, jsonify, request, url_for

from console.api.verify_runs import BusyError, VerifyRun, VerifyRuns
from console.board.journal import Journal
from vshop.incidents.incident import Incident
from vshop.incidents.loader import UnknownIncidentError
from vshop.incidents.runs import runs as runs_of
from vshop.incidents.scoring import score, truths
from vshop.kit.http import json_body
from vshop.kit.http.problems import Problem

MAX_SCORE_BYTES = 1024 * 1024


class VerifyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The incidents (all if empty) and how to switch them on."""

    ids: list[str] = []
    scope: Literal["global", "request"] = "global"


class Candidate(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """One possible root cause."""

    service: str | None = None
    component: str | None = None
    error_type: str | None = None
    span_id: str | None = None


class CulpritSpan(msgspec.Struct, rename="camel"):
    """Of the root cause in one trace."""

    span_id: str


class VerifiedIncident(msgspec.Struct, rename="camel"):
    """What scoring needs of a verdict."""

    incident: str
    culprits: list[CulpritSpan]
    on_at: float | None = None
    off_at: float | None = None


class ScoreRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Candidates by incident or run id, most likely first."""

    answers: dict[str, list[Candidate]]
    verdicts: list[VerifiedIncident] | None = None


def blueprint(catalogue: Mapping[str, Incident], journal: Journal, runs: VerifyRuns) -> Blueprint:
    """Make the endpoints."""
    api = Blueprint("api", __name__)

    @api.get("/incidents")
    def list_incidents() -> dict[str, Any]:
        return {"incidents": [_summary(incident) for incident in catalogue.values()]}

    @api.get("/incidents/<incident>")
    def show_incident(incident: str) -> dict[str, Any]:
        return _find(incident, catalogue).to_builtins()

    @api.post("/verify")
    def begin() -> tuple[Response, int, dict[str, str]]:
        run = _start(catalogue, runs)
        return jsonify(_run_view(run)), 202, {"Location": url_for("api.show_run", number=run.number)}

    @api.get("/verify/<int:number>")
    def show_run(number: int) -> dict[str, Any]:
        run = runs.get(number)
        if run is None:
            raise Problem(404, f"There is no run {number}. POST /verify starts one; the latest {runs.KEPT} are kept.")
        return _run_view(run)

    @api.post("/score")
    def score_answers() -> Response:
        return _score(catalogue, journal, runs)

    return api


def _find(incident_id: str, catalogue: Mapping[str, Incident]) -> Incident:
    found = catalogue.get(incident_id)
    if found is None:
        error = UnknownIncidentError(incident_id[:100], catalogue)
        raise Problem(404, f"{str(error).partition(' `vshop')[0]} GET /incidents lists them.", near=error.near)
    return found


def _summary(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "title": incident.title,
        "fault": incident.fault,
        "pairOf": incident.pair_of,
        "scope": list(incident.switch.scope) if incident.switch else [],
        "level": incident.workshop.level,
    }


def _start(catalogue: Mapping[str, Incident], runs: VerifyRuns) -> VerifyRun:
    try:
        wanted = json_body.decode(request.get_data() or b"{}", VerifyRequest)
    except msgspec.DecodeError as error:
        sentence, _ = json_body.explain(error)
        raise Problem(400, f"The body must be {{ids: [id, …], scope}}: {sentence}.") from error
    for incident in wanted.ids:
        _find(incident, catalogue)
    try:
        return runs.start(wanted.ids or list(catalogue), wanted.scope)
    except BusyError as error:
        detail = f"Run {error.number} is in progress; only one runs at a time. GET /verify/{error.number} returns its state."
        raise Problem(409, detail, run=error.number) from error


def _run_view(run: VerifyRun) -> dict[str, Any]:
    return {
        "run": run.number,
        "state": run.state,
        "ids": run.ids,
        "scope": run.scope,
        "verified": None if run.state != "done" else all(verdict["verified"] for verdict in run.verdicts),
        "verdicts": run.verdicts,
        "error": run.error,
    }


def _score(catalogue: Mapping[str, Incident], journal: Journal, verified: VerifyRuns) -> Response:
    request.max_content_length = MAX_SCORE_BYTES
    try:
        wanted = json_body.decode(request.get_data(), ScoreRequest)
    except msgspec.DecodeError as error:
        raise Problem(
            400, f"The body must be {{answers: {{id: [candidate, …]}}, verdicts}}: {json_body.explain(error)[0]}."
        ) from error
    verdicts = verified.verdicts() if wanted.verdicts is None else msgspec.to_builtins(wanted.verdicts)
    lines = msgspec.to_builtins(journal.lines())
    try:
        result = score(msgspec.to_builtins(wanted.answers), truths(catalogue, runs_of(lines, catalogue, twins=True), verdicts))
    except UnknownIncidentError as error:
        raise Problem(404, f"There is no incident and no run {error.incident[:100]!r}.", near=error.near) from error
    return Response(msgspec.json.encode(result), mimetype="application/json")
