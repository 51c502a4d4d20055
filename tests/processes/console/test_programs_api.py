import json
import time
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from jsonschema import Draft202012Validator

from console import api
from console.app import create_app
from console.board.board import Board
from console.board.journal import Journal
from tests.waiting import wait_until
from vshop.incidents import load_catalogue
from vshop.incidents.verify import Culprit, Verdict
from vshop.shop.addresses import Addresses

OPENAPI = yaml.safe_load((Path(__file__).parents[3] / "services" / "console" / "openapi.yaml").read_text(encoding="utf-8"))
CATALOGUE = load_catalogue()


class Verification:
    def __init__(self, *, shop, traces, progress, scope):
        self.shop, self.traces, self.progress, self.scope = shop, traces, progress, scope

    def in_sequence(self, incidents):
        for one in incidents:
            yield Verdict(
                incident=one.id,
                scope=self.scope,
                verified=True,
                seconds=0.1,
                trace_ids=[self.shop.addresses.orders],
                culprits=[Culprit("a", "b")],
            )


class EndlessVerification(Verification):
    off: ClassVar[list[str]] = []

    def in_sequence(self, incidents):
        self.progress.begin(incidents[0].id)
        try:
            while self.shop.addresses:
                time.sleep(0.01)
        finally:
            assert self.shop.switch_off, "a stopped run can still switch off"
            self.off.append(incidents[0].id)
        yield


class FailingVerification(Verification):
    def in_sequence(self, _incidents):
        raise RuntimeError("orders cannot be reached")


@pytest.fixture
def runs(request):
    return api.VerifyRuns(CATALOGUE, Addresses(orders="http://127.0.0.1:7"), getattr(request, "param", Verification))


@pytest.fixture
def board_client(runs):
    journal = Journal(None)
    app = create_app(Board(CATALOGUE, journal), journal)
    app.register_blueprint(api.blueprint(CATALOGUE, journal, runs))
    with closing(runs):
        yield app.test_client()


def ended(client, number=1):
    return wait_until(lambda: (run := client.get(f"/verify/{number}").get_json())["state"] != "running" and run, 20)


def fits(answer, name):
    schema = {"$ref": f"#/components/schemas/{name}", "components": OPENAPI["components"]}
    Draft202012Validator(schema).validate(answer)


def test_the_catalogue_is_listed_and_read(board_client):
    listed = board_client.get("/incidents").get_json()["incidents"]
    one = board_client.get("/incidents/auth-token-expired").get_json()
    missing = board_client.get("/incidents/auth-token-expire")

    assert [incident["id"] for incident in listed] == list(CATALOGUE)
    for incident in listed:
        fits(incident, "Listed")
    fits(one, "Incident")
    assert one["rootCause"]["service.name"] == "auth-stub"
    assert (missing.status_code, missing.get_json()["near"][0]) == (404, "auth-token-expired")


def test_a_verification_runs_and_returns_its_verdicts(board_client):
    begun = board_client.post("/verify", json={"ids": ["stock-slow-write"], "scope": "request"})
    assert (begun.status_code, begun.headers["Location"]) == (202, "/verify/1")

    run = ended(board_client)

    fits(run, "Run")
    assert (run["state"], run["verified"], run["scope"]) == ("done", True, "request")
    (verdict,) = run["verdicts"]
    assert (verdict["incident"], verdict["scope"], verdict["traceIds"]) == ("stock-slow-write", "request", ["http://127.0.0.1:7"])


@pytest.mark.parametrize("runs", [EndlessVerification], indirect=True)
def test_a_second_run_is_refused_and_the_first_one_ends_with_the_console(board_client, runs):
    EndlessVerification.off.clear()
    assert board_client.post("/verify").get_json()["ids"] == list(CATALOGUE)
    second = board_client.post("/verify", json={"ids": ["stock-slow-write"]})
    assert (second.status_code, second.get_json()["run"]) == (409, 1)

    runs.close()

    run = ended(board_client)
    assert (run["state"], run["error"]) == ("failed", "The console stopped before the run was done.")
    assert EndlessVerification.off == [next(iter(CATALOGUE))]


@pytest.mark.parametrize("runs", [FailingVerification], indirect=True)
def test_a_failed_verification_returns_its_error(board_client):
    board_client.post("/verify", json={"ids": ["stock-slow-write"]})

    run = ended(board_client)

    fits(run, "Run")
    assert (run["state"], run["verified"], run["error"]) == ("failed", None, "RuntimeError: orders cannot be reached")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/verify", {"ids": ["no-such-incident"]}, 404),
        ("/verify", {"ids": ["--help"]}, 404),
        ("/verify", {"scope": "everywhere"}, 400),
        ("/verify", {"id": ["stock-slow-write"]}, 400),
        ("/score", {}, 400),
        ("/score", {"answers": {"stock-slow-write": [{"guess": "x"}]}}, 400),
        ("/score", {"answers": {"no-such-incident": []}}, 404),
        ("/score", {"answers": {}, "verdicts": [{"id": 1}]}, 400),
        ("/score", {"answers": {}, "verdicts": [{"incident": None, "culprits": []}]}, 400),
        ("/score", {"answers": {}, "verdicts": [{"incident": "stock-slow-write"}]}, 400),
        ("/score", {"answers": {}, "verdicts": [{"incident": "stock-slow-write", "culprits": [{}]}]}, 400),
    ],
)
def test_invalid_requests_return_problems(board_client, path, body, status):
    answer = board_client.post(path, data=json.dumps(body), content_type="application/json")

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    fits(answer.get_json(), "Problem")


def test_answers_are_scored_with_the_culprits_of_earlier_runs(board_client):
    board_client.post("/verify", json={"ids": ["stock-slow-write"]})
    ended(board_client)
    answers = {"stock-slow-write": [{"service": "stock-updater", "spanId": "b"}], "stock-sold-out": []}

    here = board_client.post("/score", json={"answers": answers}).get_json()
    without = board_client.post("/score", json={"answers": answers, "verdicts": []}).get_json()

    fits(here, "Score")
    assert here["totals"]["spanId"]["ac"]["1"] == 1.0
    assert "spanId" not in without["totals"]
    assert here["twins"] == {"answered": 1, "right": 1}
