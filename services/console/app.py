"""Builds the console's Flask application."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flask import Blueprint, Flask, Response, request, send_from_directory
from werkzeug.exceptions import NotFound

from console.api import routes
from console.api.verify_runs import VerifyRuns
from console.board import chaos_api, ofrep_api
from console.board.board import Board, State
from console.board.journal import Journal
from console.page import incidents_api, parts, shop_api, telemetry_api
from console.page.exercise import Exercise
from console.page.host_metrics import HostMetrics
from console.page.outlines import Outlines
from console.page.parts import Parts
from console.page.shop_api import Customers
from console.page.traces import Traces
from console.page.upstream import Upstream, answer_shop_errors
from vshop.incidents.incident import Incident
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.kit.chaos.switches import Switch
from vshop.kit.http import health, problems, same_origin
from vshop.kit.settings import Settings
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.first_order import follow
from vshop.shop.traces import TraceReader

_EVERY_S = 2.0
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
    app.register_blueprint(chaos_api.blueprint(board))
    app.register_blueprint(chaos_api.journal_blueprint(board, journal))
    app.register_blueprint(ofrep_api.blueprint(board))
    app.register_blueprint(health.blueprint("console", {"board": lambda: _check(board), "journal": journal.check}, __file__))
    return app


def install_api(app: Flask, catalogue: Mapping[str, Incident], journal: Journal, runs: VerifyRuns) -> None:
    """Add the API for programs."""
    app.register_blueprint(routes.blueprint(catalogue, journal, runs))


@contextmanager
def repeating(name: str, work: Callable[[], None]) -> Iterator[None]:
    """Call a function every two seconds in a daemon thread."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(_EVERY_S):
            work()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=1)


def install_page(
    app: Flask,
    settings: Settings,
    board: Board,
    catalogue: Mapping[str, Incident],
    samplers: tuple[HostMetrics, Parts],
    names: Iterable[str] = (),
) -> None:
    """Add the web page and its requests."""
    addresses = shop_addresses(settings)
    host, watched = samplers
    upstream, client = Upstream(addresses), ShopClient(addresses)
    reader = TraceReader(addresses.traces)
    traces = Traces(reader, settings.kafka_topic, client.logs)

    def alter_telemetry(fault: TelemetryFault | None) -> None:
        client.telemetry_fault_off()
        if fault is not None:
            client.telemetry_fault_on(fault.id, fault.alter)

    exercise = Exercise(
        board,
        catalogue,
        place_clean_order=lambda item: follow(client, reader, item_id=item).placed.trace_id,
        alter_telemetry=alter_telemetry,
    )
    per_order = {one.id for one in catalogue.values() if one.switch and "request" in one.switch.scope}
    _protect(app, names)
    answer_shop_errors(app)
    incidents_api.hide_the_board(app, exercise)
    for blueprint in (
        _document(),
        shop_api.blueprint(upstream, Customers(client, exercise.incident), settings, per_order),
        telemetry_api.traces_blueprint(traces, upstream),
        telemetry_api.trace_blueprint(Outlines(traces, upstream, client), client, upstream),
        telemetry_api.blueprint(upstream, host),
        incidents_api.incidents_blueprint(catalogue, board, exercise),
        incidents_api.exercise_blueprint(exercise, client),
        incidents_api.telemetry_faults_blueprint(exercise, client),
        shop_api.operations_blueprint(client),
        parts.blueprint(watched),
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


def _check(board: Board) -> str:
    if not ofrep_api.evaluate(State(Switch(on=True, items=(1,))), {"item": 1}, random.SystemRandom()):
        raise RuntimeError("A switch that is on was evaluated as off.")
    now = board.snapshot()
    return f"{len(now.states)} switches at revision {now.revision}, followed by {len(board.alive())} instances"
