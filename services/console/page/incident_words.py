"""An incident as the page shows it: its story and how it is turned, and its answer apart from that."""

from typing import Any

from console import moments
from console.board import Board
from vshop.incidents import telling
from vshop.incidents.incident import Incident


def shown(incident: Incident, board: Board) -> dict[str, Any]:
    """Tell everything of an incident, the state of its switch included (None where it has none)."""
    switch = incident.switch
    order = next((step.order for step in incident.trigger.steps if step.order), None)
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
        "trigger": telling.command(incident),
        "order": {"itemId": order.item_id, "quantity": order.quantity, "user": order.user, "discountCode": order.discount_code}
        if order
        else None,
        "state": _state(incident.id, board),
        **answer(incident),
    }


def answer(incident: Incident) -> dict[str, Any]:
    """Tell what was the matter: the cause, or why nothing is wrong; and what sets it right."""
    cause = incident.root_cause
    return {
        "cause": {"service": cause.service, "component": cause.component, "reason": cause.reason, "code": cause.code}
        if cause
        else None,
        "harmless": incident.harmless,
        "rollback": incident.rollback,
        "errorType": incident.answer.error_type if incident.answer else None,
    }


def _state(incident: str, board: Board) -> dict[str, Any] | None:
    state = board.snapshot().states.get(incident)
    if state is None:
        return None
    switch = state.switch
    return {
        "on": switch.on,
        "probability": switch.probability,
        "items": list(switch.items),
        "until": None if switch.until is None else moments.written(switch.until),
        "since": None if state.since is None else moments.written(state.since),
        "acknowledgedBy": board.acknowledged(incident) if switch.on else [],
    }
