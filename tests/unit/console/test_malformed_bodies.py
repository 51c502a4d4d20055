"""Bodies and parameters that fuzzing found: each is a 400, never a 500."""

import pytest

from console.app import create_app
from console.board import Board
from console.journal import Journal
from console.listed import from_catalogue
from console.page.host_metrics import HostMetrics
from console.page.install import install
from console.programs.install import install as install_for_programs
from console.programs.verify_runs import VerifyRuns
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


@pytest.fixture(scope="module")
def client():
    """The whole console, which asks nobody here."""
    settings, catalogue, journal = Settings(), load_catalogue(), Journal(None)
    board = Board(from_catalogue(catalogue), journal)
    app = create_app(board, journal)
    install(app, settings, board, catalogue, HostMetrics())
    install_for_programs(app, catalogue, journal, VerifyRuns(settings))
    return app.test_client()


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("body", MALFORMED, ids=["deep list", "deep object", "key no UTF-8", "text no UTF-8"])
def test_a_body_that_cannot_be_read(client, method, path, body):
    """Nested too deeply, or no UTF-8."""
    assert client.open(path, method=method, data=body, content_type="application/json").status_code == 400


def test_deep_verdicts(client):
    """Where any object is allowed, depth is not."""
    body = b'{"answers": {}, "verdicts": [{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}]}"

    assert client.post("/score", data=body, content_type="application/json").status_code == 400


def test_a_revision_of_thousands_of_digits(client):
    """Python refuses to read it."""
    assert client.get(f"/journal?since={'9' * 5_000}").status_code == 400


def test_a_time_of_thousands_of_digits(client):
    """It is left out, as everything is there that is no time; then nobody can be asked here, which is 503."""
    assert client.get(f"/api/traces?start={'9' * 5_000}").status_code == 503


def test_a_journal_with_foreign_bytes_is_read(tmp_path):
    """What is no line of it is left out."""
    file = tmp_path / "journal"
    file.write_bytes(b'{"time": "\xff"}\n' + b"[" * 5_000 + b"\n")

    assert Journal(file).lines() == []


@pytest.mark.parametrize(("context", "status"), [("false", 400), ("0", 400), ("[]", 400), ("null", 200), ("{}", 200)])
def test_a_context_is_an_object_or_none(client, context, status):
    """What is merely empty is neither."""
    answer = client.post("/ofrep/v1/evaluate/flags", data=f'{{"context": {context}}}', content_type="application/json")

    assert answer.status_code == status
