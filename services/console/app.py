"""Builds the console's Flask application."""

from collections.abc import Iterable
from pathlib import Path

from flask import Blueprint, Flask, Response, request, send_from_directory
from werkzeug.exceptions import NotFound

from console.board import chaos_api, ofrep_api
from console.board.board import Board
from console.board.journal import Journal
from console.page import incidents_api, shop_api, telemetry_api
from console.page.exercise import Exercise
from console.page.samplers import HostMetrics, Parts
from console.page.shop_api import Customers
from console.page.traces import Traces
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.kit.http import health, problems, same_origin
from vshop.kit.settings import Settings
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.first_order import follow
from vshop.shop.traces import TraceReader

STATIC = Path(__file__).with_name("static")
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
    "/dead-letters",
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""No inline scripts, so that no payload can run."""


def create_app(board: Board, journal: Journal, names: Iterable[str] = (), cors_origins: str = "") -> Flask:
    """Make the application with the board.

    ``names`` are the host names for browsers; pages of ``cors_origins`` may evaluate flags.
    """
    app = Flask("console", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    app.json.sort_keys = False  # type: ignore[attr-defined]
    problems.install(app)
    same_origin.refuse_cross_origin(app, names, same_origin.SharedPaths(("/ofrep/",), cors_origins))
    app.register_blueprint(chaos_api.blueprint(board, journal))
    app.register_blueprint(ofrep_api.blueprint(board))
    app.register_blueprint(health.blueprint("console", {"board": lambda: _describe(board), "journal": journal.check}, __file__))
    return app


def install_page(
    app: Flask, settings: Settings, board: Board, samplers: tuple[HostMetrics, Parts], names: Iterable[str] = ()
) -> None:
    """Add the web page and its requests."""
    addresses = shop_addresses(settings)
    host, parts = samplers
    client, reader = ShopClient(addresses), TraceReader(addresses.traces)
    traces = Traces(client, reader, settings.kafka_topic)

    def alter_telemetry(fault: TelemetryFault | None) -> None:
        client.telemetry_fault_off()
        if fault is not None:
            client.telemetry_fault_on(fault.id, fault.alter)

    exercise = Exercise(
        board,
        place_clean_order=lambda item: follow(client, reader, item_id=item).placed.trace_id,
        alter_telemetry=alter_telemetry,
    )
    per_order = {one.id for one in board.catalogue.values() if one.switch and "request" in one.switch.scope}
    _protect(app, names)
    app.register_error_handler(ShopError, _answer_shop_error)
    for blueprint in (
        _document(),
        shop_api.blueprint(client, Customers(client, exercise.incident), settings, per_order),
        shop_api.operations_blueprint(client, parts),
        telemetry_api.traces_blueprint(traces, client),
        telemetry_api.trace_blueprint(traces, client),
        telemetry_api.blueprint(client, host),
        incidents_api.incidents_blueprint(board, exercise, client),
        incidents_api.exercise_blueprint(exercise, client),
    ):
        app.register_blueprint(blueprint)


def shop_addresses(settings: Settings) -> Addresses:
    """Return the addresses. Traces come from the observatory, in every mode."""
    return Addresses(
        orders=settings.orders_url.rstrip("/"),
        auth=settings.auth_url.rstrip("/"),
        stock=settings.stock_url.rstrip("/"),
        # The URL is empty where no service follows the board.
        console=settings.console_url.rstrip("/") or f"http://127.0.0.1:{settings.console_port}",
        traces=settings.observatory_url.rstrip("/"),
        observatory=settings.observatory_url.rstrip("/"),
    )


def _answer_shop_error(error: ShopError) -> Response:
    status = 503 if error.status is None else error.status if 400 <= error.status < 500 else 502
    return problems.answer(status, error.detail, hop=error.hop)


def _document() -> Blueprint:
    pages = Blueprint("pages", __name__)

    def document(_rest: str = "") -> Response:
        return send_from_directory(STATIC, "index.html", max_age=0)

    for number, page in enumerate(PAGES):
        pages.add_url_rule(page, f"page-{number}", document)

    @pages.app_errorhandler(404)
    def not_found(error: NotFound) -> Response:
        wanted = request.accept_mimetypes
        if wanted["text/html"] <= wanted["application/json"]:  # not a browser that opens a page
            return problems.answer(404, error.description or "")
        page = document()
        page.status_code = 404
        return page

    @pages.get("/static/<path:name>")
    def static(name: str) -> Response:
        # Browsers revalidate each file, so that an update does not mix old and new ones.
        return send_from_directory(STATIC, name, max_age=0)

    @pages.get("/favicon.ico")
    def favicon() -> Response:
        return send_from_directory(STATIC, "favicon.svg", mimetype="image/svg+xml", max_age=3600)

    return pages


def _protect(app: Flask, names: Iterable[str]) -> None:
    """Refuse to read ``/api/``, which has payloads, under a foreign host name (DNS rebinding)."""
    known = frozenset(name.lower() for name in names if name)

    @app.before_request
    def _check_host() -> None:
        if request.path.startswith("/api/") and not same_origin.is_own_host(request.host.lower(), known):
            raise same_origin.foreign_host(request.host)

    @app.after_request
    def _add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response


def _describe(board: Board) -> str:
    now = board.snapshot()
    return f"{len(now.states)} switches at revision {now.revision}, followed by {len(board.alive())} instances"
