"""``POST /score``: how good is a diagnosis? As ``vshop score`` does it."""

from collections.abc import Mapping

import msgspec
from flask import Blueprint, Response, request

from console.journal import Journal
from console.programs.verify_runs import VerifyRuns
from vshop.incidents.errors import UnknownIncidentError
from vshop.incidents.incident import Incident
from vshop.incidents.runs import runs as runs_of
from vshop.incidents.scoring import score
from vshop.incidents.truth import truths
from vshop.kit import json_text
from vshop.kit.problems import Problem

MAX_BYTES = 1024 * 1024


class Candidate(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """One answer to what went wrong; each member is optional."""

    service: str | None = None
    component: str | None = None
    error_type: str | None = None
    span_id: str | None = None


class Culprit(msgspec.Struct, rename="camel"):
    """The span that is to blame for one order; more that a verdict says of it is not read."""

    span_id: str


class Verdict(msgspec.Struct, rename="camel"):
    """What POST /verify or ``vshop verify --json`` found out of an incident; of that, what is needed here."""

    incident: str
    culprits: list[Culprit]
    on_at: float | None = None
    off_at: float | None = None


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body: candidates by incident or run id, the likeliest first; verdicts that know the culprit spans."""

    answers: dict[str, list[Candidate]]
    verdicts: list[Verdict] | None = None


def blueprint(catalogue: Mapping[str, Incident], journal: Journal, verified: VerifyRuns) -> Blueprint:
    """Make ``/score``."""
    api = Blueprint("score", __name__)

    @api.post("/score")
    def scored() -> Response:
        request.max_content_length = MAX_BYTES
        try:
            asked = json_text.decode(request.get_data(), Asked)
        except msgspec.DecodeError as error:
            raise Problem(400, f"The body is no {{answers: {{id: [candidate, …]}}, verdicts}}: {error}") from error
        seen = verified.verdicts() if asked.verdicts is None else msgspec.to_builtins(asked.verdicts)
        lines = [msgspec.to_builtins(line) for line in journal.lines()]
        answers = {name: msgspec.to_builtins(candidates) for name, candidates in asked.answers.items()}
        try:
            result = score(answers, truths(catalogue, runs_of(lines, catalogue, twins=True), seen))
        except UnknownIncidentError as error:
            raise Problem(404, f"There is neither an incident nor a run {error.incident[:100]!r}.", near=error.near) from error
        return Response(msgspec.json.encode(result), mimetype="application/json")

    return api
