"""The console for programs: the catalogue, verification and scores, as openapi.yaml describes them."""

import json
import sys
import time
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from console.app import create_app
from console.board import Board
from console.journal import Journal
from console.listed import from_catalogue
from console.programs.install import install
from console.programs.verify_runs import VerifyRuns
from vshop.incidents import load_catalogue
from vshop.kit.settings import Settings

OPENAPI = yaml.safe_load((Path(__file__).parents[3] / "services" / "console" / "openapi.yaml").read_text(encoding="utf-8"))
CATALOGUE = load_catalogue()

VERDICT = {"incident": "stock-slow-write", "scope": "global", "verified": True, "traceIds": ["a"], "checks": []}
STAND_IN = f"""
import json, os, sys, time
verdict = {VERDICT!r} | {{"culprits": [{{"traceId": "a", "spanId": "b"}}]}}
verdict |= {{"asked": sys.argv[1:], "url": os.environ["VSHOP_ORDERS_URL"]}}
"""


@pytest.fixture
def board_client(request):
    """A console whose ``vshop`` is a program of a few lines; by default one that answers at once."""
    program = STAND_IN + getattr(request, "param", "print(json.dumps([verdict]))")
    runs = VerifyRuns(Settings(orders_url="http://127.0.0.1:7"), [sys.executable, "-c", program])
    journal = Journal(None)
    app = create_app(Board(from_catalogue(CATALOGUE), journal), journal)
    install(app, CATALOGUE, journal, runs)
    with runs:
        yield app.test_client()


def ended(client, number=1):
    """Wait for a run's end, and return it."""
    deadline = time.monotonic() + 20
    while (run := client.get(f"/verify/{number}").get_json())["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return run


def fits(answer, name):
    """Check an answer against a schema of the description."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": OPENAPI["components"]}
    Draft202012Validator(schema).validate(answer)


def test_the_catalogue_is_listed_and_read(board_client):
    """Each with its ground truth; an id that is none names near ones."""
    listed = board_client.get("/incidents").get_json()["incidents"]
    one = board_client.get("/incidents/auth-token-expired").get_json()
    missing = board_client.get("/incidents/auth-token-expire")

    assert [incident["id"] for incident in listed] == list(CATALOGUE)
    for incident in listed:
        fits(incident, "Listed")
    fits(one, "Incident")
    assert one["rootCause"]["service.name"] == "auth-stub"
    assert (missing.status_code, missing.get_json()["near"][0]) == (404, "auth-token-expired")


def test_a_verification_is_begun_asked_for_and_done(board_client):
    """By the command line, with the addresses of this shop's parts."""
    begun = board_client.post("/verify", json={"ids": ["stock-slow-write"], "scope": "request"})
    assert (begun.status_code, begun.headers["Location"]) == (202, "/verify/1")

    run = ended(board_client)

    fits(run, "Run")
    assert (run["state"], run["verified"]) == ("done", True)
    assert run["verdicts"][0]["asked"] == ["verify", "--json", "--scope", "request", "stock-slow-write"]
    assert run["verdicts"][0]["url"] == "http://127.0.0.1:7"


@pytest.mark.parametrize("board_client", ["time.sleep(30)"], indirect=True)
def test_one_at_a_time_and_the_end_stops_it(board_client):
    """Nobody else may order meanwhile."""
    assert board_client.post("/verify").get_json()["ids"] == list(CATALOGUE)
    second = board_client.post("/verify", json={"ids": ["stock-slow-write"]})

    assert (second.status_code, second.get_json()["run"]) == (409, 1)


@pytest.mark.parametrize("board_client", ["sys.exit('orders cannot be reached')"], indirect=True)
def test_a_verification_that_cannot_be_made_says_why(board_client):
    """In the command line's own words."""
    board_client.post("/verify", json={"ids": ["stock-slow-write"]})

    run = ended(board_client)

    fits(run, "Run")
    assert (run["state"], run["verified"], run["error"]) == ("failed", None, "orders cannot be reached")


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
def test_what_cannot_be_meant_is_refused(board_client, path, body, status):
    """With a problem that says what is wrong."""
    answer = board_client.post(path, data=json.dumps(body), content_type="application/json")

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    fits(answer.get_json(), "Problem")


def test_answers_are_scored_with_the_culprits_that_were_verified_here(board_client):
    """Or with verdicts that are sent along."""
    board_client.post("/verify", json={"ids": ["stock-slow-write"]})
    ended(board_client)
    answers = {"stock-slow-write": [{"service": "stock-updater", "spanId": "b"}], "stock-sold-out": []}

    here = board_client.post("/score", json={"answers": answers}).get_json()
    without = board_client.post("/score", json={"answers": answers, "verdicts": []}).get_json()

    fits(here, "Score")
    assert here["totals"]["spanId"]["ac"]["1"] == 1.0
    assert "spanId" not in without["totals"]
    assert here["twins"] == {"answered": 1, "right": 1}
