"""``/incidents``: the catalogue, with the ground truth. It tells what can be broken, never what is."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from vshop.incidents.errors import UnknownIncidentError
from vshop.incidents.incident import Incident
from vshop.kit.problems import Problem


def blueprint(catalogue: Mapping[str, Incident]) -> Blueprint:
    """Make ``/incidents`` and ``/incidents/<id>``."""
    api = Blueprint("catalogue", __name__)

    @api.get("/incidents")
    def everything() -> dict[str, Any]:
        return {"incidents": [_listed(incident) for incident in catalogue.values()]}

    @api.get("/incidents/<incident>")
    def one(incident: str) -> dict[str, Any]:
        return known(incident, catalogue).to_builtins()

    return api


def known(incident_id: str, catalogue: Mapping[str, Incident]) -> Incident:
    """Return an incident.

    Raises:
        Problem: 404, naming near ones.
    """
    found = catalogue.get(incident_id)
    if found is None:
        error = UnknownIncidentError(incident_id[:100], catalogue)
        raise Problem(404, f"{str(error).partition(' `vshop')[0]} GET /incidents lists them.", near=error.near)
    return found


def _listed(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "title": incident.title,
        "fault": incident.fault,
        "pairOf": incident.pair_of,
        "scope": list(incident.switch.scope) if incident.switch else [],
        "level": incident.workshop.level,
    }
