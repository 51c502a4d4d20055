"""Puts the console's endpoints together."""

import random
from collections.abc import Iterable

from flask import Flask

from console import chaos_api, journal_api, ofrep_api
from console.board import Board, State
from console.journal import Journal
from vshop.kit import health, openapi, own_origin, problems
from vshop.kit.chaos import Switch


def create_app(board: Board, journal: Journal, names: Iterable[str] = ()) -> Flask:
    """Make the application.

    Args:
        board: holds the switches.
        journal: tells how they were turned.
        names: host names under which the console is also reached.
    """
    app = Flask("console")
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    app.json.sort_keys = False  # type: ignore[attr-defined]
    problems.install(app)
    own_origin.guard(app, names)
    app.register_blueprint(chaos_api.blueprint(board))
    app.register_blueprint(ofrep_api.blueprint(board))
    app.register_blueprint(journal_api.blueprint(board, journal))
    app.register_blueprint(openapi.blueprint(__file__))
    app.register_blueprint(health.blueprint("console", {"board": lambda: _check(board), "journal": journal.check}))
    return app


def _check(board: Board) -> str:
    """Evaluate a switch of its own, and read the board's."""
    if not ofrep_api.evaluate(State(Switch(on=True, items=(1,))), {"item": 1}, random.Random(0)):  # noqa: S311 - chance, not secrecy
        raise RuntimeError("A switch that is on was evaluated as off.")
    now = board.snapshot()
    return f"{len(now.states)} switches at revision {now.revision}, followed by {len(board.alive())} instances"
