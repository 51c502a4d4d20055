"""Error answers as ``application/problem+json`` (RFC 9457, https://www.rfc-editor.org/rfc/rfc9457)."""

import json
import logging
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from flask import Flask, Response, g, request
from opentelemetry import trace
from werkzeug.exceptions import HTTPException

from vshop.kit.http import json_body
from vshop.kit.telemetry.errors import count_error, error_type, record_error

log = logging.getLogger(__name__)
_Kind = TypeVar("_Kind")


class Problem(Exception):  # noqa: N818 - the RFC's own word
    """An error response: raise it anywhere below a view.

    ``members`` are extension members, such as ``field`` or ``hop``.
    """

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.members = members


def answer(status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """Build the response, without the members that are None."""
    known = {name: value for name, value in members.items() if value is not None}
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **known}
    return Response(json.dumps(body), status, headers, mimetype="application/problem+json")


def read_body(kind: type[_Kind]) -> _Kind:
    """Read the request's JSON body as a type. Raises Problem: 415 if it is no JSON, 400 with the ``field`` that is not valid."""
    if not request.is_json:
        raise Problem(415, "The body must be JSON.", headers={"Accept": "application/json"})
    try:
        return json_body.decode(request.get_data(), kind)
    except msgspec.DecodeError as error:
        sentence, field = json_body.explain(error)
        raise Problem(400, f"The request is not valid: {sentence}.", field=field) from error


def install(app: Flask) -> None:
    """Answer every error with a problem, also Flask's (404, 405, 413 …).

    An unexpected exception is recorded on the current span and logged. The caller gets 500 and the trace id.
    """

    @app.errorhandler(Problem)
    def _problem(error: Problem) -> Response:
        if error.__cause__ is not None and error.status >= 500:
            count_error(error.__cause__)
        return answer(error.status, error.detail, error.headers, **error.members)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        headers = {name: value for name, value in error.get_headers() if name.lower() not in {"content-type", "content-length"}}
        return answer(error.code or 500, error.description or "", headers)

    @app.errorhandler(Exception)
    def _unforeseen(error: Exception) -> Response:
        span = trace.get_current_span()
        record_error(span, error)
        g.error_type = error_type(error)
        log.error("unforeseen failure", exc_info=error)
        context = span.get_span_context()
        return answer(500, "Something failed inside; the trace says what.", traceId=trace.format_trace_id(context.trace_id))
