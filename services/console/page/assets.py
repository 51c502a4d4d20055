"""Serves the page itself: one document for every address of it, scripts, styles and pictures; and the headers that keep it safe."""

from pathlib import Path

from flask import Blueprint, Flask, Response, send_from_directory

STATIC = Path(__file__).resolve().parents[1] / "static"
PAGES = (
    "/",
    "/board",
    "/exercise",
    "/traces",
    "/traces/<path:_rest>",
    "/compare",
    "/map",
    "/time",
    "/insights",
    "/old-way",
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing inline and nothing from elsewhere: even a payload that got into the document as markup could not run."""


def blueprint() -> Blueprint:
    """Make the page's addresses, and ``/static``."""
    pages = Blueprint("pages", __name__)

    def document(_rest: str = "") -> Response:
        return send_from_directory(STATIC, "index.html", max_age=0)

    for number, page in enumerate(PAGES):
        pages.add_url_rule(page, f"page-{number}", document)

    @pages.get("/static/<path:name>")
    def static(name: str) -> Response:
        # Asked again each time, and answered 304: after an update nobody sees half of the old page.
        return send_from_directory(STATIC, name, max_age=0)

    @pages.get("/favicon.ico")
    def favicon() -> Response:
        return send_from_directory(STATIC, "favicon.svg", mimetype="image/svg+xml", max_age=3600)

    return pages


def protect(app: Flask) -> None:
    """Put the headers on every answer of an application."""

    @app.after_request
    def _headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response
