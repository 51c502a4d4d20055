"""The board over HTTP, for people and programs that turn switches."""

import difflib
import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from console import moments, wishes
from console.board import Board, BoardBusyError, Change, State
from console.journal import By
from vshop.kit import json_text
from vshop.kit.problems import Problem

Turn = Callable[[], Change]


def blueprint(board: Board, clock: Callable[[], float] = time.time) -> Blueprint:
    """Make ``/chaos`` and ``/chaos/<id>``.

    Args:
        board: holds the switches.
        clock: seconds since the epoch.
    """
    api = Blueprint("chaos", __name__)

    @api.get("/chaos")
    def everything() -> dict[str, Any]:
        now = board.snapshot()
        switches = [_view(board, name, state) for name, state in now.states.items()]
        return {"revision": now.revision, "switches": switches, "followers": board.alive()}

    @api.get("/chaos/<incident>")
    def one(incident: str) -> dict[str, Any]:
        _known(board, incident)
        return _view(board, incident, board.snapshot().states[incident])

    @api.put("/chaos/<incident>")
    def put(incident: str) -> Response:
        return _put(board, incident, clock)

    @api.delete("/chaos/<incident>")
    def delete(incident: str) -> Response:
        _known(board, incident)
        return _off(board, [incident], "api")

    @api.delete("/chaos")
    def reset() -> Response:
        return _off(board, list(board.snapshot().states), "reset")

    return api


def _put(board: Board, incident: str, clock: Callable[[], float]) -> Response:
    _known(board, incident)
    body = request.get_data()
    if not request.is_json and not json_text.is_blank(body):
        detail = "The body must be JSON (-H 'Content-Type: application/json'); or use the query: ?for=60s&probability=0.5&item=1"
        raise Problem(415, detail, headers={"Accept": "application/json"})
    wish = wishes.read(body, request.args)
    if not wish.on:
        return _off(board, [incident], "api")
    if wish.items and not board.listed[incident].by_item:
        raise Problem(400, f"items: {incident} cannot be limited to items; where it happens no item is known.", field="items")
    if wish.probability != 1 and "request" not in board.listed[incident].scope:
        detail = f"probability: {incident} is on for a whole process or not at all; it has no share of the requests."
        raise Problem(400, detail, field="probability")
    change = _turn(lambda: board.turn_on(incident, wish.switch(clock())), "nothing can be switched on without it")
    if change.acks.silent:
        raise _silent(f"{incident} is not on. It was put back as it was, because", board, change)
    return _done(board, incident, change)


def near(board: Board, incident: str) -> list[str]:
    """Return the ids that may have been meant."""
    return difflib.get_close_matches(incident, board.listed, n=3, cutoff=0.5)


def _off(board: Board, incidents: list[str], by: By) -> Response:
    was_on = [name for name, state in board.snapshot().states.items() if name in incidents and state.switch.on]
    change = _turn(lambda: board.turn_off(incidents, by), "it is off now, but would be on again after a restart of the console")
    if change.acks.silent:
        raise _silent("Switched off, and it stays so; but whether everybody knows is not certain:", board, change)
    if by == "reset":
        return jsonify(revision=change.revision, off=was_on, acknowledgedBy=change.acks.by, ackMs=change.ms)
    return _done(board, incidents[0], change)


def _turn(turn: Turn, unwritten: str) -> Change:
    try:
        return turn()
    except BoardBusyError as error:
        raise Problem(503, str(error), headers={"Retry-After": "1"}) from error
    except OSError as error:
        raise Problem(503, f"The journal cannot be written ({error}): {unwritten}.") from error


def _done(board: Board, incident: str, change: Change) -> Response:
    view = _view(board, incident, board.snapshot().states[incident])
    return jsonify(view | {"acknowledgedBy": change.acks.by, "ackMs": change.ms})


def _silent(what: str, board: Board, change: Change) -> Problem:
    told = [
        f"{service} ({', '.join(names) or 'no instance of it follows the board'})" for service, names in change.acks.silent.items()
    ]
    detail = f"{what} nothing was heard within {board.ack_timeout_s:g} s of {' and '.join(told)}."
    acks = change.acks
    return Problem(504, detail, silent=acks.silent, acknowledgedBy=acks.by, revision=change.revision, ackMs=change.ms)


def _known(board: Board, incident: str) -> None:
    listed = board.listed.get(incident)
    if listed is None:
        meant = near(board, incident)
        hint = f"Did you mean {' or '.join(meant)}?" if meant else "GET /chaos lists them."
        raise Problem(404, f"There is no incident {incident[:100]}. {hint}", near=meant)
    if listed.switchable:
        return
    how = (
        f"put the baggage shop.chaos={incident} on one order"
        if listed.services
        else f"its trigger alone does it: {listed.trigger or 'see its file'}"
    )
    raise Problem(409, f"{incident} has no switch; {how}.", trigger=listed.trigger)


def _view(board: Board, incident: str, state: State) -> dict[str, Any]:
    listed, switch = board.listed[incident], state.switch
    return {
        "id": incident,
        "title": listed.title,
        "on": switch.on,
        "probability": switch.probability,
        "items": list(switch.items),
        "until": None if switch.until is None else moments.written(switch.until),
        "since": None if state.since is None else moments.written(state.since),
        "revision": state.revision,
        "acknowledgedBy": board.acknowledged(incident),
        "services": list(listed.services),
        "scope": list(listed.scope),
    }
