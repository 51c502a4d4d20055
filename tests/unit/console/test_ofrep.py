"""The board as any OpenFeature client sees it: https://github.com/open-feature/protocol."""

import threading
import time

import pytest

PATH = "/ofrep/v1/evaluate/flags"
KEYS = ["auth-late", "both-sides", "orders-lost"]


def test_bulk(console, follow) -> None:
    """A client that knows nothing of us gets every switch as a boolean flag."""
    follow(console, "orders")
    console.put("orders-lost")
    answer = console.ask("POST", PATH, json={"context": {"targetingKey": "some user"}})
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
    assert len(console.board.alive()) == 1, "a client with another targeting key is no follower"


@pytest.mark.parametrize("more", [{}, {"json": {}}, {"json": {"context": {}}}, {"json": {"context": None}}])
def test_without_context(lonely, more) -> None:
    """The context may be left out."""
    assert len(lonely.ask("POST", PATH, **more).json()["flags"]) == len(KEYS)


def test_not_modified(console, follow) -> None:
    """The ETag of what a client has is answered 304, until something changes."""
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
def test_tag_of_nobody(lonely, tag) -> None:
    """It is none of the board's: every switch is in the answer."""
    assert len(lonely.ask("POST", PATH, headers={"If-None-Match": tag}).json()["flags"]) == len(KEYS)


def test_item_of_the_context(console, follow) -> None:
    """Targeting by item is evaluated for the item of the context, and the ETag tells them apart."""
    follow(console, "orders")
    console.put("orders-lost", json={"items": [1]})
    values = {}
    for item in (1, 2):
        answer = console.poll({"item": item})
        values[item] = answer.json()["flags"][2]
    assert (values[1]["value"], values[2]["value"]) == (True, False)
    assert (values[1]["reason"], values[1]["metadata"]["items"]) == ("TARGETING_MATCH", "1")
    assert console.poll({"item": 1}, If_None_Match=answer.headers["ETag"]).status_code == 200


def test_share_of_the_requests(console, follow) -> None:
    """A switch with a probability says so, and never is on with 0."""
    follow(console, "orders")
    console.put("orders-lost", json={"probability": 0})
    flag = console.ask("POST", f"{PATH}/orders-lost").json()
    assert (flag["value"], flag["reason"], flag["metadata"]["probability"]) == (False, "SPLIT", 0.0)


def test_single(lonely) -> None:
    """One flag; an unknown one is FLAG_NOT_FOUND, as is an incident without a switch."""
    assert lonely.ask("POST", f"{PATH}/orders-lost", json={"context": {}}).json()["value"] is False
    for key in ("order-lost", "stock-sold-out"):
        answer = lonely.ask("POST", f"{PATH}/{key}")
        assert (answer.status_code, answer.json()["key"], answer.json()["errorCode"]) == (404, key, "FLAG_NOT_FOUND")


@pytest.mark.parametrize("path", [PATH, f"{PATH}/orders-lost"])
@pytest.mark.parametrize(
    ("body", "code"), [("{", "PARSE_ERROR"), ("[]", "PARSE_ERROR"), ("\v", "PARSE_ERROR"), ('{"context": 1}', "INVALID_CONTEXT")]
)
def test_wrong_context(lonely, path, body, code) -> None:
    """Errors are the protocol's."""
    answer = lonely.ask("POST", path, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)


def test_not_json(lonely) -> None:
    """Another media type is refused."""
    assert lonely.ask("POST", PATH, data="x").status_code == 415


def test_long_poll_ends_with_a_change(console, follow) -> None:
    """A poll that would wait is answered as soon as there is something new."""
    follow(console, "orders")
    answers = []
    tag = console.poll().headers["ETag"]
    polling = threading.Thread(target=lambda: answers.append(console.poll(If_None_Match=tag, Prefer="wait=20")))
    began = time.monotonic()
    polling.start()
    console.put("orders-lost")
    polling.join(10)
    assert (answers[0].status_code, answers[0].headers["Preference-Applied"]) == (200, "wait=20")
    assert time.monotonic() - began < 5


def test_long_poll_ends_with_its_time(lonely) -> None:
    """Without a change it is 304 when the time is over."""
    tag = lonely.poll().headers["ETag"]
    began = time.monotonic()
    assert lonely.poll(If_None_Match=tag, Prefer='respond-async, wait="1"').status_code == 304
    assert 0.9 < time.monotonic() - began < 5


@pytest.mark.parametrize("prefer", ["wait=soon", "return=minimal", "wait=", "wait=0"])
def test_other_preferences_are_ignored(lonely, prefer) -> None:
    """As RFC 7240 asks, a preference that is not understood is none."""
    tag = lonely.poll().headers["ETag"]
    assert lonely.poll(If_None_Match=tag, Prefer=prefer).status_code == 304


def test_nothing_known_nothing_held(lonely) -> None:
    """A client that has nothing yet, or something of another board, is answered at once."""
    assert lonely.poll(Prefer="wait=20").status_code == 200
    assert lonely.poll(If_None_Match='"00000000-0"', Prefer="wait=20").status_code == 200


def test_acknowledgement(impatient) -> None:
    """What a poll carries is what its instance has; a revision of another board is none."""
    first = impatient.poll({"targetingKey": "orders/one"}).headers["ETag"]
    assert impatient.board.alive() == {"orders/one": -1}
    impatient.poll({"targetingKey": "orders/one"}, If_None_Match=first)
    assert impatient.board.alive() == {"orders/one": 0}
    impatient.poll({"targetingKey": "orders/one"}, If_None_Match='"00000000-0"')
    assert impatient.board.alive() == {"orders/one": -1}
    impatient.poll({"targetingKey": "nobody/one"}, If_None_Match=first)
    impatient.poll({"targetingKey": 7}, If_None_Match=first)
    assert set(impatient.board.alive()) == {"orders/one"}
