"""The incidents for the page; while an exercise runs they are nobody's business."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, request

from console.board import Board
from console.page.exercise import Exercise
from console.page.incident_words import shown
from vshop.incidents.incident import Incident
from vshop.kit.problems import Problem

_BOARD = ("/chaos", "/journal", "/ofrep")


def blueprint(catalogue: Mapping[str, Incident], board: Board, exercise: Exercise) -> Blueprint:
    """Make ``/api/incidents``.

    Args:
        catalogue: the incidents by id.
        board: holds their switches.
        exercise: hides them while it runs.
    """
    api = Blueprint("incidents", __name__)

    @api.get("/api/incidents")
    def everything() -> dict[str, Any]:
        if exercise.running:
            return {"hidden": True, "incidents": [], "followers": {}}
        told = [shown(incident, board) for incident in catalogue.values()]
        return {"hidden": False, "incidents": told, "followers": board.alive()}

    return api


def hide_the_board(app: Flask, exercise: Exercise) -> None:
    """Refuse the board to browsers while an exercise runs; services and the command line see it as ever.

    A browser says with each request where it comes from (``Sec-Fetch-Site``); no script can leave that out.
    """

    @app.before_request
    def _check() -> None:
        if exercise.running and request.path.startswith(_BOARD) and "Sec-Fetch-Site" in request.headers:
            raise Problem(409, "An exercise runs: what is on is to be found out. Answer it, or give up, under Exercise.")
