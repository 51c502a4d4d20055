"""The switches as OpenFeature flags, by OFREP: https://github.com/open-feature/protocol.

Two additions:

- A poll with ``Prefer: wait=<seconds>`` (RFC 7240) and the current ETag waits for the next revision.
- ``Vshop-Follower: <service>/<instance>`` acknowledges the revision in ``If-None-Match``. A ``targetingKey`` does not, because
  other clients may use any text, such as ``orders/user-42``.
"""

import random
import re
import time
import uuid
from contextlib import nullcontext
from typing import Any, NoReturn

import msgspec
from flask import Blueprint, Response, abort, jsonify, make_response, request

from console.board.board import Board, State
from console.board.chaos_api import near
from console.board.followers import HungUp
from vshop.kit.chaos.follower import FOLLOWER_HEADER
from vshop.kit.http import json_body
from vshop.kit.http.problems import Problem

_LONGEST_WAIT_S = 30
_PATH = "/ofrep/v1/evaluate/flags"


def blueprint(board: Board) -> Blueprint:
    """Make the bulk and the single evaluation."""
    api = Blueprint("ofrep", __name__)
    boot = uuid.uuid4().hex[:8]  # a revision of another process is unknown
    chance = random.SystemRandom()

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
    variant = _variant(context)
    known = _known_revision(boot, variant)
    follower = board.followers.follows(request.headers.get(FOLLOWER_HEADER)) if "Origin" not in request.headers else None
    hung_up: HungUp = request.environ.get("waitress.client_disconnected", lambda: False)  # always False under another server
    present = board.followers.present(follower, known, hung_up) if follower else nullcontext()
    wait_s = _wait_s()
    with present:
        if known is not None and wait_s:
            board.wait_beyond(known, wait_s)
        if board.closed:
            raise Problem(503, "The console is stopping.", headers={"Retry-After": "1"})
        now = board.snapshot()
    if now.revision == known:
        answer = Response(status=304)
    else:
        answer = jsonify(flags=[_flag(name, state, context, chance) for name, state in now.states.items()])
    answer.set_etag(f"{boot}-{now.revision}{variant}")
    if wait_s:
        answer.headers["Preference-Applied"] = f"wait={wait_s}"
    return answer


def _flag(key: str, state: State, context: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    switch = state.switch
    on = switch.is_on(context.get("item"), time.time(), chance)
    metadata: dict[str, Any] = {"switched": switch.on, "probability": switch.probability, "revision": state.revision}
    if switch.items:
        metadata["items"] = ",".join(map(str, switch.items))  # lists are not allowed
    if switch.until is not None:
        metadata["until"] = switch.until
    return {"key": key, "value": on, "variant": "on" if on else "off", "reason": switch.reason().value, "metadata": metadata}


def _context() -> dict[str, Any]:
    body = request.get_data()
    if json_body.is_blank(body):
        return {}
    if not request.is_json:
        raise Problem(415, "The body must be JSON.", headers={"Accept": "application/json"})
    try:
        given = json_body.decode(body, dict[str, Any])
    except msgspec.MsgspecError as error:
        _refuse("PARSE_ERROR", str(error))
    context = given.get("context")
    if context is None:
        return {}
    if not isinstance(context, dict):
        _refuse("INVALID_CONTEXT", "The context must be an object.")
    return context


def _refuse(code: str, details: str) -> NoReturn:
    abort(make_response(jsonify(errorCode=code, errorDetails=details), 400))


def _variant(context: dict[str, Any]) -> str:
    item = context.get("item")
    return f"-{item}" if isinstance(item, int) else ""


def _known_revision(boot: str, variant: str) -> int | None:
    for tag in request.if_none_match.as_set(include_weak=True):
        found = re.fullmatch(rf"(?:W/)?\"?{boot}-(\d+){variant}\"?", tag or "")
        if found:
            return int(found[1])
    return None


def _wait_s() -> int:
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})", request.headers.get("Prefer", ""))
    return min(int(found[1]), _LONGEST_WAIT_S) if found else 0
