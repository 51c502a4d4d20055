"""The board for OpenFeature clients: https://github.com/open-feature/protocol."""

import threading
import time

import pytest

PATH = "/ofrep/v1/evaluate/flags"
KEYS = ["auth-late", "both-sides", "orders-lost"]


def test_bulk_evaluation_returns_every_switch(console, follow) -> None:
    follow(console, "orders")
    console.put("orders-lost")
    answer = console.request("POST", PATH, json={"context": {"targetingKey": "some user"}})
    flags = {flag["key"]: flag for flag in answer.json()["flags"]}
    assert (answer.status_code, list(flags)) == (200, KEYS)
    assert flags["orders-lost"] == {
        "key": "orders-lost",
        "value": True,
        "variant": "on",
        "reason": "STATIC",
        "metadata": {"switched": True, "probability": 1.0, "revision": 1},
    }
    assert (flags["auth-late"]["value"], flags["auth-late"]["variant"]) == (False, "off")
    assert len(console.board.alive()) == 1, "a client with another targeting key is not a follower"


@pytest.mark.parametrize("more", [{}, {"json": {}}, {"json": {"context": {}}}, {"json": {"context": None}}])
def test_without_context(unfollowed, more) -> None:
    assert len(unfollowed.request("POST", PATH, **more).json()["flags"]) == len(KEYS)


def test_the_current_etag_returns_304(console, follow) -> None:
    follow(console, "orders")
    first = console.poll()
    tag = first.headers["ETag"]
    unchanged = console.poll(If_None_Match=tag)
    assert (unchanged.status_code, unchanged.headers["ETag"], unchanged.content) == (304, tag, b"")
    assert console.poll(If_None_Match=f'"other", W/{tag}').status_code == 304
    console.put("orders-lost")
    changed = console.poll(If_None_Match=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


@pytest.mark.parametrize("tag", ['""', 'W/""', "*", "x", '"', ","])
def test_a_foreign_etag_returns_every_switch(unfollowed, tag) -> None:
    assert len(unfollowed.request("POST", PATH, headers={"If-None-Match": tag}).json()["flags"]) == len(KEYS)


def test_item_of_the_context(console, follow) -> None:
    follow(console, "orders")
    console.put("orders-lost", json={"items": [1]})
    values = {}
    for item in (1, 2):
        answer = console.poll({"item": item})
        values[item] = answer.json()["flags"][2]
    assert (values[1]["value"], values[2]["value"]) == (True, False)
    assert (values[1]["reason"], values[1]["metadata"]["items"]) == ("TARGETING_MATCH", "1")
    assert console.poll({"item": 1}, If_None_Match=answer.headers["ETag"]).status_code == 200


def test_a_flag_has_the_probability_of_its_switch(console, follow) -> None:
    follow(console, "orders")
    console.put("orders-lost", json={"probability": 0})
    flag = console.request("POST", f"{PATH}/orders-lost").json()
    assert (flag["value"], flag["reason"], flag["metadata"]["probability"]) == (False, "SPLIT", 0.0)


def test_single_evaluation_and_unknown_flags(unfollowed) -> None:
    assert unfollowed.request("POST", f"{PATH}/orders-lost", json={"context": {}}).json()["value"] is False
    for key in ("order-lost", "stock-sold-out"):
        answer = unfollowed.request("POST", f"{PATH}/{key}")
        assert (answer.status_code, answer.json()["key"], answer.json()["errorCode"]) == (404, key, "FLAG_NOT_FOUND")


@pytest.mark.parametrize("path", [PATH, f"{PATH}/orders-lost"])
@pytest.mark.parametrize(
    ("body", "code"), [("{", "PARSE_ERROR"), ("[]", "PARSE_ERROR"), ("\v", "PARSE_ERROR"), ('{"context": 1}', "INVALID_CONTEXT")]
)
def test_wrong_context(unfollowed, path, body, code) -> None:
    answer = unfollowed.request("POST", path, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)


def test_not_json(unfollowed) -> None:
    assert unfollowed.request("POST", PATH, data="x").status_code == 415


@pytest.mark.timing
def test_long_poll_ends_with_a_change(console, follow, budget) -> None:
    follow(console, "orders")
    answers = []
    tag = console.poll().headers["ETag"]
    polling = threading.Thread(target=lambda: answers.append(console.poll(If_None_Match=tag, Prefer="wait=20")))
    began = time.monotonic()
    polling.start()
    console.put("orders-lost")
    polling.join(10)
    assert (answers[0].status_code, answers[0].headers["Preference-Applied"]) == (200, "wait=20")
    assert time.monotonic() - began < budget(5)


@pytest.mark.timing
def test_long_poll_without_a_change_returns_304(unfollowed, budget) -> None:
    tag = unfollowed.poll().headers["ETag"]
    began = time.monotonic()
    assert unfollowed.poll(If_None_Match=tag, Prefer='respond-async, wait="1"').status_code == 304
    assert 0.9 < time.monotonic() - began < budget(5)


@pytest.mark.parametrize("prefer", ["wait=soon", "return=minimal", "wait=", "wait=0"])
def test_other_preferences_are_ignored(unfollowed, prefer) -> None:
    tag = unfollowed.poll().headers["ETag"]
    assert unfollowed.poll(If_None_Match=tag, Prefer=prefer).status_code == 304


def test_a_poll_without_a_current_etag_returns_at_once(unfollowed) -> None:
    assert unfollowed.poll(Prefer="wait=20").status_code == 200
    assert unfollowed.poll(If_None_Match='"00000000-0"', Prefer="wait=20").status_code == 200


def test_acknowledgement(impatient) -> None:
    first = impatient.poll(Vshop_Follower="orders/one").headers["ETag"]
    assert impatient.board.alive() == {"orders/one": -1}
    impatient.poll(Vshop_Follower="orders/one", If_None_Match=first)
    assert impatient.board.alive() == {"orders/one": 0}
    impatient.poll(Vshop_Follower="orders/one", If_None_Match='"00000000-0"')
    assert impatient.board.alive() == {"orders/one": -1}
    impatient.poll(Vshop_Follower="nobody/one", If_None_Match=first)
    assert set(impatient.board.alive()) == {"orders/one"}


@pytest.mark.parametrize("more", [{}, {"Origin": "http://localhost:5173", "Vshop_Follower": "orders/user-42"}])
def test_another_client_is_no_follower(impatient, more) -> None:
    """Neither its targeting key nor a page counts: otherwise switches would wait for its acknowledgement."""
    assert impatient.poll({"targetingKey": "orders/user-42"}, **more).status_code == 200
    assert impatient.board.alive() == {}
