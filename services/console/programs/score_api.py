"""``POST /score``: how good is a diagnosis? As ``vshop score`` does it."""

from collections.abc import Mapping
from typing import Any

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


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body: candidates by incident or run id, the likeliest first; verdicts that know the culprit spans."""

    answers: dict[str, list[Candidate]]
    verdicts: list[dict[str, Any]] | None = None


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
        seen = verified.verdicts() if asked.verdicts is None else asked.verdicts
        lines = [msgspec.to_builtins(line) for line in journal.lines()]
        answers = {name: msgspec.to_builtins(candidates) for name, candidates in asked.answers.items()}
        try:
            result = score(answers, truths(catalogue, runs_of(lines, catalogue, twins=True), seen))
        except UnknownIncidentError as error:
            raise Problem(404, f"There is neither an incident nor a run {error.incident[:100]!r}.", near=error.near) from error
        except (KeyError, TypeError, AttributeError) as error:
            raise Problem(400, f"The verdicts are not as POST /verify gives them: {type(error).__name__}: {error}") from error
        return Response(msgspec.json.encode(result), mimetype="application/json")

    return api
