"""The address of a trace that people are given: where Jaeger has a page, the observatory leads to the console's."""

from flask import Blueprint, redirect
from werkzeug import Response

from observatory import query_params
from observatory.jaeger_references import trace_id_text
from observatory.query_params import BadQueryError
from vshop.kit.problems import Problem


def blueprint(console_url: str) -> Blueprint:
    """Make ``/trace/<id>``.

    Args:
        console_url: base URL of the page; where it is empty, the trace's JSON has to do.
    """
    api = Blueprint("trace_link", __name__)

    @api.get("/trace/<trace_id>")
    def show_trace(trace_id: str) -> Response:
        try:
            found = trace_id_text(query_params.trace_id(trace_id))
        except BadQueryError as error:
            raise Problem(400, f"{error}. A trace id has up to 32 hexadecimal digits.", field="traceId") from error
        return redirect(f"{console_url.rstrip('/')}/traces/{found}" if console_url else f"/api/traces/{found}?prettyPrint=true")

    return api
