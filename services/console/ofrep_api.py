"""The board as OpenFeature's Remote Evaluation Protocol, for the services and any other OpenFeature client.

Two additions, which a client that does not know them never meets: a poll with ``Prefer: wait=<seconds>`` (RFC 7240) and the
current ETag is held until there is another; and a poll whose ``targetingKey`` is ``<service>/<instance>`` acknowledges, by its
``If-None-Match``, the revision that it names. https://github.com/open-feature/protocol
"""

import random
import re
import time
import uuid
from contextlib import nullcontext
from typing import Any

import msgspec
from flask import Blueprint, Response, jsonify, request

from console import connection
from console.board import Board, State
from console.chaos_api import near
from vshop.kit import json_text
from vshop.kit.problems import Problem

_LONGEST_WAIT_S = 30
_PATH = "/ofrep/v1/evaluate/flags"


class _BadContextError(Exception):
    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code


def blueprint(board: Board) -> Blueprint:
    """Make the two endpoints.

    Args:
        board: holds the switches.
    """
    api = Blueprint("ofrep", __name__)
    boot = uuid.uuid4().hex[:8]  # so that a revision of the board before a restart is not taken for one of this
    chance = random.Random()  # noqa: S311 - chance, not secrecy

    @api.errorhandler(_BadContextError)
    def _bad(error: _BadContextError) -> tuple[Response, int]:
        return jsonify(errorCode=error.code, errorDetails=str(error)), 400

    @api.post(_PATH)
    def bulk() -> Response:
        return _bulk(board, boot, chance)

    @api.post(f"{_PATH}/<key>")
    def single(key: str) -> Response | tuple[Response, int]:
        context = _context()
        state = board.snapshot().states.get(key)
        if state is None:
            meant = near(board, key)
            details = f"There is no switch {key[:100]}." + (f" Did you mean {' or '.join(meant)}?" if meant else "")
            return jsonify(key=key, errorCode="FLAG_NOT_FOUND", errorDetails=details), 404
        return jsonify(_flag(key, state, context, chance))

    return api


def _bulk(board: Board, boot: str, chance: random.Random) -> Response:
    context = _context()
    about = _about(context)
    known = _known_revision(boot, about)
    who = board.followers.follows(context.get("targetingKey"))
    present = board.followers.present(who, known, connection.hung_up(request.environ)) if who else nullcontext()
    wait_s = _wait_s()
    with present:
        if known is not None and wait_s:
            board.wait_beyond(known, wait_s)
        if board.closed:
            raise Problem(503, "The board is about to stop.", headers={"Retry-After": "1"})
        now = board.snapshot()
    if now.revision == known:
        answer = Response(status=304)
    else:
        answer = jsonify(flags=[_flag(name, state, context, chance) for name, state in now.states.items()])
    answer.set_etag(f"{boot}-{now.revision}{about}")
    if wait_s:
        answer.headers["Preference-Applied"] = f"wait={wait_s}"
    return answer


def evaluate(state: State, context: dict[str, Any], chance: random.Random) -> bool:
    """Tell whether a switch is on for a context: for its member ``item``, and by chance."""
    return state.switch.is_on(context.get("item"), time.time(), chance)


def _flag(key: str, state: State, context: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """Show a switch as a flag: its value for this context, and in the metadata what a follower needs to evaluate by itself."""
    on, switch = evaluate(state, context, chance), state.switch
    metadata: dict[str, Any] = {"switched": switch.on, "probability": switch.probability, "revision": state.revision}
    if switch.items:
        metadata["items"] = ",".join(map(str, switch.items))  # a list is not allowed here
    if switch.until is not None:
        metadata["until"] = switch.until
    return {"key": key, "value": on, "variant": "on" if on else "off", "reason": switch.reason().value, "metadata": metadata}


def _context() -> dict[str, Any]:
    body = request.get_data()
    if json_text.is_blank(body):
        return {}
    if not request.is_json:
        raise Problem(415, "The body must be JSON.", headers={"Accept": "application/json"})
    try:
        given = json_text.decode(body, dict[str, Any])
    except msgspec.MsgspecError as error:
        raise _BadContextError("PARSE_ERROR", str(error)) from error
    context = given.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        raise _BadContextError("INVALID_CONTEXT", "The context must be an object.")
    return context


def _about(context: dict[str, Any]) -> str:
    """Return what, besides the revision, an answer depends on."""
    item = context.get("item")
    return f"-{item}" if isinstance(item, int) else ""


def _known_revision(boot: str, about: str) -> int | None:
    """Read from If-None-Match the revision that the client has; None when it has none of this board for this context."""
    for tag in request.if_none_match.as_set(include_weak=True):
        found = re.fullmatch(rf"(?:W/)?\"?{boot}-(\d+){about}\"?", tag or "")  # Werkzeug reads the empty tag as None
        if found:
            return int(found[1])
    return None


def _wait_s() -> int:
    """Read how long the client would wait; 0 when it would not."""
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})", request.headers.get("Prefer", ""))
    return min(int(found[1]), _LONGEST_WAIT_S) if found else 0
