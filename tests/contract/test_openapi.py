import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

import auth_stub.app
import console.api
import console.app
import observatory.app
import orders.app
import stock_updater.app
from auth_stub.tokens import Tokens
from console.board.board import Board
from console.board.journal import Journal
from console.page.samplers import HostMetrics, Parts
from observatory.forward import Forwarding
from observatory.ingest import Receiver
from observatory.store import LogStore, MetricStore, Stores, TraceStore
from vshop.incidents import load_catalogue
from vshop.kit.http import flush
from vshop.kit.settings import Settings

METHODS = {"get", "put", "post", "delete", "patch"}
# Called by what runs the service.
PROBES = {("get", "/healthz"), ("get", "/readyz")}
# What a browser shows to a person.
OF_PAGES = {("get", path) for path in (*console.app.PAGES, "/static/<path:name>", "/favicon.ico")}


def _console():
    settings, catalogue, journal = Settings(), load_catalogue(), Journal(None)
    board = Board(catalogue, journal)
    app = console.app.create_app(board, journal)
    console.app.install_page(app, settings, board, (HostMetrics(), Parts(console.app.shop_addresses(settings))))
    app.register_blueprint(
        console.api.blueprint(catalogue, journal, console.api.VerifyRuns(catalogue, console.app.shop_addresses(settings)))
    )
    return app


def _with_flush(app):
    flush.install(app, app.name, lambda **_: 0)
    return app


# The views are not called, so they need no dependencies.
APPS = {
    "auth_stub": lambda: _with_flush(auth_stub.app.create_app(Tokens(Settings()))),
    "console": _console,
    "observatory": lambda: observatory.app.create_app(
        Receiver(Stores(TraceStore(1, 1), LogStore(1, 1), MetricStore()), Forwarding()), []
    ),
    "orders": lambda: _with_flush(orders.app.create_app(None, None, None, {}, "")),
    "stock_updater": lambda: _with_flush(stock_updater.app.create_app(None, None, None, {})),
}


@pytest.fixture(params=sorted(APPS))
def service(request):
    path = Path(__file__).parents[2] / "services" / request.param / "openapi.yaml"
    return APPS[request.param](), yaml.safe_load(path.read_text(encoding="utf-8"))


def _nameless(operations):
    return {(method, re.sub(r"<[^>]*>|\{[^}]*\}", "{}", path)) for method, path in operations}


def test_every_route_is_described_and_every_description_is_served(service):
    """Except pages and health checks; the names of parameters may differ."""
    app, described = service
    routes = {(method.lower(), rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods - {"HEAD", "OPTIONS"}}
    # Flask adds a folder of static files to each application; only the console has one.
    routes = {one for one in routes - OF_PAGES if not one[1].startswith("/static/")}

    described_operations = {(method, path) for path, item in described["paths"].items() for method in item if method in METHODS}
    assert _nameless(described_operations) - PROBES == _nameless(routes) - PROBES
    assert routes >= PROBES


def test_a_description_is_served_as_it_is(service):
    app, described = service

    answer = app.test_client().get("/openapi.yaml")

    assert (answer.mimetype, yaml.safe_load(answer.text)) == ("application/yaml", described)


def test_a_description_is_valid(service):
    _, described = service
    references = set(re.findall(r"'\$ref': '#/components/(\w+)/(\w+)'", str(described)))
    operations = [item[method] for item in described["paths"].values() for method in METHODS & item.keys()]

    assert described["openapi"] == "3.1.0"
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert {reference for reference in references if reference[1] not in described["components"].get(reference[0], {})} == set()
    assert len({one["operationId"] for one in operations}) == len(operations)
