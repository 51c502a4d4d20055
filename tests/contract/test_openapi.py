"""Every service's openapi.yaml describes its whole HTTP surface, and nothing that is not there."""

import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

import auth_stub.app
import console.app
import observatory.app
import orders.app
import stock_updater.app
from auth_stub.tokens import Tokens
from console.board import Board
from console.journal import Journal
from console.listed import from_catalogue
from console.page.assets import PAGES
from console.page.host_metrics import HostMetrics
from console.page.install import install
from console.programs.install import install as install_for_programs
from console.programs.verify_runs import VerifyRuns
from observatory.log_store import LogStore
from observatory.metric_store import MetricStore
from observatory.trace_store import TraceStore
from vshop.incidents import load_catalogue
from vshop.kit.settings import Settings

METHODS = {"get", "put", "post", "delete", "patch"}
# What a browser shows to a person.
OF_PAGES = {("get", path) for path in (*PAGES, "/static/<path:name>", "/favicon.ico")}


def _console():
    settings, catalogue, journal = Settings(), load_catalogue(), Journal(None)
    board = Board(from_catalogue(catalogue), journal)
    app = console.app.create_app(board, journal)
    install(app, settings, board, catalogue, HostMetrics())
    install_for_programs(app, catalogue, journal, VerifyRuns(settings))
    return app


# What the views would ask is not asked here.
APPS = {
    "auth_stub": lambda: auth_stub.app.create_app(Tokens(Settings())),
    "console": _console,
    "observatory": lambda: observatory.app.create_app(TraceStore(1, 1), LogStore(1, 1), MetricStore(), []),
    "orders": lambda: orders.app.create_app(None, None, None, {}, ""),
    "stock_updater": lambda: stock_updater.app.create_app(None, None, None, {}),
}


@pytest.fixture(params=sorted(APPS))
def service(request):
    """Each service: its application and its description."""
    path = Path(__file__).parents[2] / "services" / request.param / "openapi.yaml"
    return APPS[request.param](), yaml.safe_load(path.read_text(encoding="utf-8"))


def _nameless(operations):
    return {(method, re.sub(r"<[^>]*>|\{[^}]*\}", "{}", path)) for method, path in operations}


def test_every_route_is_described_and_every_description_is_served(service):
    """But for pages; a parameter's name is the description's own affair."""
    app, described = service
    routes = {(method.lower(), rule.rule) for rule in app.url_map.iter_rules() for method in rule.methods - {"HEAD", "OPTIONS"}}
    # Flask adds a folder of static files to each application; only the console has one.
    routes = {one for one in routes - OF_PAGES if not one[1].startswith("/static/")}

    told = {(method, path) for path, item in described["paths"].items() for method in item if method in METHODS}
    assert _nameless(told) == _nameless(routes)


def test_a_description_is_served_as_it_is(service):
    """At /openapi.yaml, as YAML."""
    app, described = service

    answer = app.test_client().get("/openapi.yaml")

    assert (answer.mimetype, yaml.safe_load(answer.text)) == ("application/yaml", described)


def test_a_description_is_sound(service):
    """OpenAPI 3.1, its schemas are JSON Schema, references lead somewhere, operation ids differ."""
    _, described = service
    references = set(re.findall(r"'\$ref': '#/components/(\w+)/(\w+)'", str(described)))
    operations = [item[method] for item in described["paths"].values() for method in METHODS & item.keys()]

    assert described["openapi"] == "3.1.0"
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert {reference for reference in references if reference[1] not in described["components"].get(reference[0], {})} == set()
    assert len({one["operationId"] for one in operations}) == len(operations)
