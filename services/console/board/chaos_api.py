"""``/chaos``: the switches; ``/journal``."""

import difflib
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from flask import Blueprint, Response, jsonify, request
from werkzeug.datastructures import MultiDict

from console.board.board import Board, Change, State
from console.board.journal import By, Journal
from vshop.kit.chaos.baggage import BAGGAGE_KEY
from vshop.kit.chaos.switches import Switch
from vshop.kit.demo_data import ITEMS
from vshop.kit.http import json_body
from vshop.kit.http.problems import Problem
from vshop.kit.times import parse_utc, rfc3339_ms

LONGEST_S = 24 * 3600.0
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)")


def blueprint(board: Board, journal: Journal) -> Blueprint:
    """Make ``/chaos``, ``/chaos/<id>`` and ``/journal``."""
    api = Blueprint("chaos", __name__)

    @api.get("/chaos")
    def list_switches() -> dict[str, Any]:
        now = board.snapshot()
        switches = [view(board, name, state) for name, state in now.states.items()]
        return {"revision": now.revision, "switches": switches, "followers": board.alive()}

    @api.get("/chaos/<incident>")
    def show(incident: str) -> dict[str, Any]:
        _require_switch(board, incident)
        return view(board, incident, board.snapshot().states[incident])

    @api.put("/chaos/<incident>")
    def put(incident: str) -> Response:
        return _put(board, incident)

    @api.delete("/chaos/<incident>")
    def delete(incident: str) -> Response:
        _require_switch(board, incident)
        return _off(board, [incident], "api")

    @api.delete("/chaos")
    def delete_all() -> Response:
        return _off(board, list(board.snapshot().states), "reset")

    @api.get("/journal")
    def show_journal() -> Response:
        lines = journal.lines(**_parse_since(request.args.get("since", "")))
        return Response(b"".join(msgspec.json.encode(line) + b"\n" for line in lines), mimetype="application/x-ndjson")

    @api.delete("/journal")
    def clear() -> dict[str, int]:
        try:
            return {"lines": board.clear_journal()}
        except OSError as error:
            raise Problem(503, f"The journal cannot be cleared: its file cannot be renamed ({error}).") from error

    return api


def _parse_since(since: str) -> dict[str, Any]:
    if not since:
        return {}
    try:
        if since.isdecimal():
            return {"after_revision": int(since)}
        return {"since": parse_utc(since.replace(" ", "+"))}  # a + in a query is a space
    except (ValueError, OverflowError) as error:
        raise Problem(400, "since must be a time such as 2026-01-31T12:00:00Z, or a revision.", field="since") from error


def _put(board: Board, incident: str) -> Response:
    _require_switch(board, incident)
    body = request.get_data()
    if not request.is_json and not json_body.is_blank(body):
        detail = "The body must be JSON (-H 'Content-Type: application/json'). Or use the query: ?for=60s&probability=0.5&item=1"
        raise Problem(415, detail, headers={"Accept": "application/json"})
    given = parse(body, request.args)
    if not given.get("on", True):
        return _off(board, [incident], "api")
    site, seconds = board.switchable[incident], given.pop("for", None)
    wanted = Switch(**given | {"on": True, "until": None if seconds is None else time.time() + seconds})
    if wanted.items and not site.items:
        raise Problem(400, f"items: {incident} cannot be limited to items: the item is not known where it happens.", field="items")
    if wanted.probability != 1 and "request" not in site.scope:
        detail = f"probability: {incident} is on for whole processes and cannot be limited to a share of the requests."
        raise Problem(400, detail, field="probability")
    change = _change(lambda: board.turn_on(incident, wanted), "nothing was switched on")
    if change.acks.silent:
        raise _silent(f"{incident} was not switched on.", board, change)
    return _done(board, incident, change)


def near(board: Board, incident: str) -> list[str]:
    """Return similar ids."""
    return difflib.get_close_matches(incident, board.catalogue, n=3, cutoff=0.5)


def _off(board: Board, incidents: list[str], by: By) -> Response:
    was_on = [name for name, state in board.snapshot().states.items() if name in incidents and state.switch.on]
    change = _change(lambda: board.turn_off(incidents, by), "it is off now, but a restarted console would switch it on again")
    if change.acks.silent:
        raise _silent("Switched off, but some services may not know yet.", board, change)
    if by == "reset":
        return jsonify(revision=change.revision, off=was_on, acknowledgedBy=change.acks.by, ackMs=change.ms)
    return _done(board, incidents[0], change)


def _change(change: Callable[[], Change], unwritten: str) -> Change:
    try:
        return change()
    except OSError as error:
        raise Problem(503, f"The journal cannot be written ({error}): {unwritten}.") from error


def _done(board: Board, incident: str, change: Change) -> Response:
    shown = view(board, incident, board.snapshot().states[incident])
    return jsonify(shown | {"acknowledgedBy": change.acks.by, "ackMs": change.ms})


def _silent(what: str, board: Board, change: Change) -> Problem:
    silent = [f"{service} ({', '.join(names) or 'no instance follows the board'})" for service, names in change.acks.silent.items()]
    detail = f"{what} No acknowledgement within {board.ack_timeout_s:g} s from {' and '.join(silent)}."
    acks = change.acks
    return Problem(504, detail, silent=acks.silent, acknowledgedBy=acks.by, revision=change.revision, ackMs=change.ms)


def _require_switch(board: Board, incident: str) -> None:
    if incident in board.switchable:
        return
    known = board.catalogue.get(incident)
    if known is None:
        meant = near(board, incident)
        hint = f"Did you mean {' or '.join(meant)}?" if meant else "GET /chaos lists them."
        raise Problem(404, f"There is no incident {incident[:100]}. {hint}", near=meant)
    order = next((step.order for step in known.trigger.steps if step.order), None)
    trigger = f"POST /orders {msgspec.json.encode(order).decode()}" if order else ""
    baggage = f"send one order with the baggage {BAGGAGE_KEY}={incident}"
    how = baggage if known.switch else f"send its trigger instead: {trigger or 'see its file'}"
    raise Problem(409, f"{incident} has no switch: {how}.", trigger=trigger)


def view(board: Board, incident: str, state: State) -> dict[str, Any]:
    """Return a switch as JSON."""
    site, switch = board.switchable[incident], state.switch
    return {
        "id": incident,
        "title": board.catalogue[incident].title,
        "on": switch.on,
        "probability": switch.probability,
        "items": list(switch.items),
        "until": None if switch.until is None else rfc3339_ms(switch.until),
        "since": None if state.since is None else rfc3339_ms(state.since),
        "revision": state.revision,
        "acknowledgedBy": board.acknowledged(incident),
        "services": site.services,
        "scope": site.scope,
    }


def parse(body: bytes, query: "MultiDict[str, str]") -> dict[str, Any]:
    """Parse a JSON body, which may be empty, and the query ``on``, ``probability``, ``for`` and ``item``. Raises Problem 400.

    Returns the given ones of ``on``, ``probability``, ``items`` and ``for`` (seconds).
    """
    given = {} if json_body.is_blank(body) else _from_body(body)
    for name in query:
        field = "items" if name == "item" else name
        if field in given:
            raise _wrong(field, "is given twice: in the body and in the query")
        given[field] = ",".join(query.getlist(name)).split(",") if field == "items" else query[name]
    values = {}
    for name, value in given.items():
        if name not in _FIELDS:
            raise _wrong(name, f"is unknown; the fields are {', '.join(_FIELDS)}", value)
        read, rule = _FIELDS[name]
        values[name] = read(value)
        if values[name] is None:
            raise _wrong(name, rule, value)
    if not values.get("on", True) and len(values) > 1:
        raise _wrong("on", "is false: no other field is allowed", value=False)
    return values


def _from_body(body: bytes) -> dict[str, Any]:
    try:
        given = json_body.decode(body)
    except msgspec.DecodeError as error:
        raise Problem(400, f"The body is not JSON: {error}.", field="body") from error
    if not isinstance(given, dict):
        raise Problem(400, 'The body must be a JSON object, such as {"probability": 0.5, "for": "60s"}, or empty.', field="body")
    return given


def _wrong(field: str, what: str, value: object = None) -> Problem:
    shown = f" ({msgspec.json.encode(value).decode()[:80]})" if value is not None else ""
    return Problem(400, f"{field}{shown} {what}.", field=field)


def _on(value: Any) -> bool | None:
    known: Mapping[str, bool] = {"true": True, "false": False, "1": True, "0": False, "": True}
    return value if isinstance(value, bool) else known.get(value.lower()) if isinstance(value, str) else None


def _probability(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= 1 else None


def _seconds(value: Any) -> float | None:
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds = float(found[1]) * _UNITS_S[found[2]] if found else _number(value) or 0.0
    return seconds if 0 < seconds <= LONGEST_S else None


def _items(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list):
        return None
    for one in value:
        if _number(one) not in ITEMS:
            raise _wrong("items", f"is not an item; the shop sells {', '.join(map(str, ITEMS))}", one)
    return tuple(sorted({int(float(one)) for one in value}))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


_FIELDS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "on": (_on, "must be true or false"),
    "probability": (_probability, "must be a number from 0 to 1"),
    "for": (_seconds, "must be a time such as 60s, 500ms, 2m, 1h or a number of seconds, at most 24 hours"),
    "items": (_items, "must be a list of item ids, such as [1, 2]"),
}
