"""``/api/telemetry-faults``: the faults that are on."""

import math
from typing import Annotated, Any

import msgspec
from flask import Blueprint, Response, request

from observatory.ingest.faults import Fault, TelemetryFaults
from observatory.query import json_response
from vshop.kit import times
from vshop.kit.http import json_body
from vshop.kit.http.problems import Problem
from vshop.kit.telemetry.alterations import Alteration

_MAX_ON = 50


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    alter: Annotated[list[Alteration], msgspec.Meta(min_length=1, max_length=20)]
    seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None


def blueprint(faults: TelemetryFaults) -> Blueprint:
    """Build the endpoints."""
    api = Blueprint("telemetry_faults", __name__)

    @api.get("/api/telemetry-faults")
    def list_faults() -> Response:
        return json_response({"faults": [_view(one) for one in faults.on()]})

    @api.put("/api/telemetry-faults/<fault_id>")
    def put(fault_id: str) -> Response:
        if not request.is_json:
            raise Problem(415, "The body must be JSON.", headers={"Accept": "application/json"})
        try:
            wanted = json_body.decode(request.get_data(), _Wanted)
        except msgspec.MsgspecError as error:
            raise Problem(400, f"The body is not valid: {error}.") from error
        if len(faults.on()) >= _MAX_ON:
            raise Problem(409, f"{_MAX_ON} telemetry faults are on. Switch some off first.")
        return json_response(_view(faults.turn_on(fault_id[:100], wanted.alter, wanted.seconds or math.inf)))

    @api.delete("/api/telemetry-faults")
    def delete_all() -> Response:
        return json_response({"off": faults.turn_off()})

    @api.delete("/api/telemetry-faults/<fault_id>")
    def delete(fault_id: str) -> Response:
        return json_response({"off": faults.turn_off(fault_id)})

    return api


def _view(fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.id,
        "since": times.rfc3339(fault.since_ns),
        "until": times.rfc3339(int(fault.until_ns)) if fault.until_ns < math.inf else None,
        "alter": msgspec.to_builtins(list(fault.alterations)),
    }
