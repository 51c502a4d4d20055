"""``/api/incidents`` and ``/api/exercise``."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from flask import Blueprint, request

from console.board import chaos_api
from console.board.board import Board
from console.page.exercise import Exercise, root_cause_view
from vshop.incidents import wording
from vshop.incidents.incident import Incident
from vshop.incidents.loader import EXERCISES
from vshop.incidents.telemetry_fault import UnknownTelemetryFaultError, load_telemetry_faults
from vshop.kit.http.problems import Problem, read_body
from vshop.shop import operations
from vshop.shop.client import ShopClient
from vshop.shop.first_order import BrokenHopError


class _BeginRequest(msgspec.Struct, forbid_unknown_fields=True):
    level: Annotated[int, msgspec.Meta(ge=1, le=3)] | None = None
    number: Annotated[int, msgspec.Meta(ge=1, le=max(EXERCISES))] | None = None
    prepare: bool = False


class _Diagnosis(msgspec.Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    service: str = ""
    component: str = ""
    error_type: str = ""


def incidents_blueprint(board: Board, exercise: Exercise, client: ShopClient) -> Blueprint:
    """Make ``/api/incidents`` and ``/api/telemetry-faults``, and hide both and the board during an exercise."""
    api = Blueprint("incidents", __name__)
    telemetry_faults = load_telemetry_faults()

    @api.before_app_request
    def hide() -> None:
        """Refuse the board only to browsers. No script can remove their ``Sec-Fetch-Site``."""
        if not exercise.running:
            return
        if request.path.startswith("/api/telemetry-faults"):
            raise Problem(409, "The telemetry faults are hidden during an exercise.")
        if request.path.startswith(("/chaos", "/journal", "/ofrep")) and "Sec-Fetch-Site" in request.headers:
            raise Problem(409, "The board is hidden during an exercise. Answer the exercise or give it up, under Exercise.")

    @api.get("/api/incidents")
    def list_incidents() -> dict[str, Any]:
        if exercise.running:
            return {"hidden": True, "incidents": [], "followers": {}}
        views = [_incident_view(incident, board) for incident in board.catalogue.values()]
        return {"hidden": False, "incidents": views, "followers": board.alive()}

    @api.get("/api/telemetry-faults")
    def list_faults() -> dict[str, Any]:
        on = {one["id"] for one in client.telemetry_faults_on()}
        return {"faults": [{"id": one.id, "title": one.title, "on": one.id in on} for one in telemetry_faults.values()]}

    @api.put("/api/telemetry-faults/<fault_id>")
    def turn_on(fault_id: str) -> dict[str, Any]:
        if fault_id not in telemetry_faults:
            raise Problem(404, str(UnknownTelemetryFaultError(fault_id, telemetry_faults)))
        return client.telemetry_fault_on(fault_id, telemetry_faults[fault_id].alter)

    @api.delete("/api/telemetry-faults/<fault_id>")
    def turn_off(fault_id: str) -> dict[str, Any]:
        return {"off": client.telemetry_fault_off(fault_id)}

    return api


def exercise_blueprint(exercise: Exercise, client: ShopClient) -> Blueprint:
    """Make ``/api/exercise``, whose answers are its new state."""
    api = Blueprint("exercise", __name__)

    def do(step: Callable[[], None]) -> dict[str, Any]:
        try:
            step()
        except BrokenHopError as error:
            raise Problem(503, f"No exercise started, because the shop does not work without a fault either. {error}") from error
        except OSError as error:
            raise Problem(503, f"The board could not change a switch: {error}") from error
        return exercise.view()

    @api.get("/api/exercise")
    def show() -> dict[str, Any]:
        return exercise.view()

    @api.post("/api/exercise")
    def begin() -> dict[str, Any]:
        wanted = read_body(_BeginRequest)
        if wanted.number not in {None, *EXERCISES}:
            raise Problem(400, f"Exercise {wanted.number} cannot be started by number.", field="number")
        if wanted.prepare:
            operations.reset(client)
        return do(lambda: exercise.begin(wanted.level, wanted.number))

    @api.post("/api/exercise/hint")
    def hint() -> dict[str, Any]:
        return do(exercise.hint)

    @api.post("/api/exercise/answer")
    def attempt() -> dict[str, Any]:
        given = msgspec.to_builtins(read_body(_Diagnosis))
        return do(lambda: exercise.attempt(given))

    @api.delete("/api/exercise")
    def give_up() -> dict[str, Any]:
        return do(exercise.give_up)

    return api


def _incident_view(incident: Incident, board: Board) -> dict[str, Any]:
    switch, state = incident.switch, board.snapshot().states.get(incident.id)
    # The shop page logs in for each order, so it cannot send an order with another token.
    order = next((step.order for step in incident.trigger.steps if step.order and step.token == "fresh"), None)
    return {
        "id": incident.id,
        "title": incident.title,
        "fault": incident.fault,
        "pairOf": incident.pair_of,
        "story": incident.story,
        "level": incident.workshop.level,
        "hints": incident.workshop.hints,
        "services": list(switch.services) if switch else [],
        "scope": list(switch.scope) if switch else [],
        "symptom": incident.symptom.shopper,
        "trigger": wording.command(incident),
        "order": order
        and {"itemId": order.item_id, "quantity": order.quantity, "user": order.user, "discountCode": order.discount_code},
        "state": chaos_api.view(board, incident.id, state) if state else None,
        **root_cause_view(incident),
    }
