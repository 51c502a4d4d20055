"""Writes JSON answers: compact, or indented where ``prettyPrint`` asks for it."""

from typing import Any

import msgspec
from flask import Response, request

_encoder = msgspec.json.Encoder()


def json_answer(content: Any, status: int = 200) -> Response:
    """Answer with JSON; indented by four spaces, as Jaeger does it, when the request says ``prettyPrint=true``."""
    body = _encoder.encode(content)
    if request.args.get("prettyPrint", "") not in {"", "false"}:
        body = msgspec.json.format(body, indent=4)
    return Response(body, status, mimetype="application/json")
