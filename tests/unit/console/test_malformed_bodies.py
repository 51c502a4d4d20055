import pytest

from console import api
from console.app import create_app, install_page, shop_addresses
from console.board.board import Board
from console.board.journal import Journal
from console.page.samplers import HostMetrics, Parts
from vshop.incidents import load_catalogue
from vshop.kit.settings import Settings

MALFORMED = [b"[" * 5_000, b'{"context":' * 1_400, b'{"\xff": 1}', b'{"context": "\xff"}']
REQUESTS = [
    ("PUT", "/chaos/stock-slow-write"),
    ("POST", "/ofrep/v1/evaluate/flags"),
    ("POST", "/ofrep/v1/evaluate/flags/stock-slow-write"),
    ("POST", "/score"),
    ("POST", "/verify"),
    ("POST", "/api/shop/orders"),
    ("POST", "/api/shop/customers"),
    ("POST", "/api/exercise"),
    ("POST", "/api/exercise/answer"),
]


NOBODY = "http://127.0.0.1:9"  # the discard port: a shop on the default ports must not answer


@pytest.fixture(scope="module")
def client():
    settings = Settings(orders_url=NOBODY, stock_url=NOBODY, auth_url=NOBODY, observatory_url=NOBODY)
    catalogue, journal = load_catalogue(), Journal(None)
    board = Board(catalogue, journal)
    app = create_app(board, journal)
    install_page(app, settings, board, (HostMetrics(), Parts(shop_addresses(settings))))
    app.register_blueprint(api.blueprint(catalogue, journal, api.VerifyRuns(catalogue, shop_addresses(settings))))
    return app.test_client()


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("body", MALFORMED, ids=["deep list", "deep object", "key no UTF-8", "text no UTF-8"])
def test_a_malformed_body_returns_400(client, method, path, body):
    assert client.open(path, method=method, data=body, content_type="application/json").status_code == 400


def test_deeply_nested_verdicts_return_400(client):
    body = b'{"answers": {}, "verdicts": [{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}]}"

    assert client.post("/score", data=body, content_type="application/json").status_code == 400


def test_a_revision_of_thousands_of_digits_returns_400(client):
    assert client.get(f"/journal?since={'9' * 5_000}").status_code == 400


def test_a_time_of_thousands_of_digits_is_ignored(client):
    assert client.get(f"/api/traces?start={'9' * 5_000}").status_code == 503


def test_a_journal_with_foreign_bytes_is_readable(tmp_path):
    file = tmp_path / "journal"
    file.write_bytes(b'{"time": "\xff"}\n' + b"[" * 5_000 + b"\n")

    assert Journal(file).lines() == []


@pytest.mark.parametrize(("context", "status"), [("false", 400), ("0", 400), ("[]", 400), ("null", 200), ("{}", 200)])
def test_a_context_is_an_object_or_null(client, context, status):
    answer = client.post("/ofrep/v1/evaluate/flags", data=f'{{"context": {context}}}', content_type="application/json")

    assert answer.status_code == status
