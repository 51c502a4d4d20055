"""What is refused, and how it is said."""

from urllib.parse import parse_qsl

import pytest
from werkzeug.datastructures import MultiDict

from console import wishes
from console.listed import Listed

WRONG = [
    ({"probability": 1.5}, "probability"),
    ({"probability": -0.1}, "probability"),
    ({"probability": "often"}, "probability"),
    ({"probability": True}, "probability"),
    ({"probability": None}, "probability"),
    ({"for": "soon"}, "for"),
    ({"for": 0}, "for"),
    ({"for": -5}, "for"),
    ({"for": "25h"}, "for"),
    ({"for": 10**400}, "for"),
    ({"for": [60]}, "for"),
    ({"for": True}, "for"),
    ({"items": 1}, "items"),
    ({"items": [77]}, "items"),
    ({"items": [1, "x"]}, "items"),
    ({"items": [1.5]}, "items"),
    ({"items": [None]}, "items"),
    ({"on": "maybe"}, "on"),
    ({"on": 1}, "on"),
    ({"on": False, "probability": 0.5}, "on"),
    ({"chance": 0.5}, "chance"),
    ([1], "body"),
    ("on", "body"),
]


@pytest.mark.parametrize(("body", "field"), WRONG, ids=[f"{str(body)[:40]}" for body, _ in WRONG])
def test_wrong_body(lonely, body, field) -> None:
    """A wrong value is refused with the name of its field, and nothing changes."""
    answer = lonely.put("orders-lost", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert field in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert lonely.board.snapshot().revision == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("probability=2", "probability"),
        ("for=x", "for"),
        ("item=x", "items"),
        ("item=1&item=", "items"),
        ("of=1", "of"),
        ("on=x", "on"),
    ],
)
def test_wrong_query(lonely, query, field) -> None:
    """So is a wrong parameter."""
    answer = lonely.put(f"orders-lost?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_items_where_none_is_known(lonely) -> None:
    """An incident that happens before the item is known cannot be limited to items; it would never be on."""
    answer = lonely.put("auth-late", json={"items": [1]})
    assert (answer.status_code, answer.json()["field"]) == (400, "items")
    assert lonely.board.snapshot().revision == 0


def test_a_share_of_the_requests_where_there_are_none(lonely, monkeypatch) -> None:
    """A process that stands still has no share of them."""
    monkeypatch.setitem(lonely.board.listed, "orders-lost", Listed(id="x", title="x", services=("orders",), scope=("global",)))
    answer = lonely.put("orders-lost?probability=0.5")
    assert (answer.status_code, answer.json()["field"]) == (400, "probability")
    assert lonely.board.snapshot().revision == 0


def test_given_twice(lonely) -> None:
    """Body and query may not contradict each other."""
    answer = lonely.put("orders-lost?for=1s", json={"for": "2s"})
    assert (answer.status_code, answer.json()["field"]) == (400, "for")


def test_no_json(lonely) -> None:
    """A body that is not JSON: 400; one that does not say it is: 415, with a hint for whoever uses curl."""
    json = {"Content-Type": "application/json"}
    assert lonely.put("orders-lost", data="{", headers=json).json()["field"] == "body"
    answer = lonely.put("orders-lost", data='{"on": true}')
    assert (answer.status_code, "?for=60s" in answer.json()["detail"]) == (415, True)
    assert lonely.put("orders-lost", data=b"x" * 20_000, headers=json).status_code == 413


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("for=60s", {"seconds": 60.0}),
        ("for=60", {"seconds": 60.0}),
        ("for=1.5m", {"seconds": 90.0}),
        ("for=500ms", {"seconds": 0.5}),
        ("for=24h", {"seconds": 86_400.0}),
        ("item=1&item=2", {"items": (1, 2)}),
        ("items=2,1,2", {"items": (1, 2)}),
        ("probability=0", {"probability": 0.0}),
        ("on=true", {"on": True}),
        ("on", {"on": True}),
        ("", {}),
    ],
)
def test_right_query(query, expected) -> None:
    """What curl users type is understood."""
    assert wishes.read(b"", MultiDict(parse_qsl(query, keep_blank_values=True))) == wishes.Wish(**expected)


def test_unknown_incident(lonely) -> None:
    """An unknown id is answered with those that may have been meant."""
    for method in ("GET", "PUT", "DELETE"):
        answer = lonely.ask(method, "/chaos/order-lost")
        assert (answer.status_code, answer.json()["near"][0]) == (404, "orders-lost")
        assert "orders-lost" in answer.json()["detail"]
    assert lonely.put("zzz").json()["near"] == []


def test_incident_without_a_switch(lonely) -> None:
    """What cannot be switched is answered with how it is done."""
    answer = lonely.put("stock-sold-out")
    assert (answer.status_code, 'POST /orders {"itemId":9}' in answer.json()["detail"]) == (409, True)
    answer = lonely.put("orders-once")
    assert (answer.status_code, "shop.chaos=orders-once" in answer.json()["detail"]) == (409, True)


def test_wrong_method(lonely) -> None:
    """405 says what is allowed."""
    answer = lonely.ask("POST", "/chaos/orders-lost")
    assert answer.status_code == 405
    assert "PUT" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://evil.example:8090", "Host": "evil.example:8090"},
        {"Host": "evil.example"},
        {"Origin": "http://[", "Host": "["},
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_page_from_elsewhere(lonely, headers, method) -> None:
    """No page from elsewhere turns a switch, nor does one whose name was made to point here."""
    answer = lonely.ask(method, "/chaos/orders-lost", headers=headers)
    assert answer.status_code in (400, 403)
    assert lonely.board.snapshot().revision == 0


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "console:8090", "shop.localhost"])
def test_page_of_its_own(console, follow, host) -> None:
    """Its own page may."""
    follow(console, "orders")
    name = host.format(port=console.port)
    assert console.put("orders-lost", headers={"Host": name, "Origin": f"http://{name}"}).status_code == 200


def test_followers_are_no_page(lonely) -> None:
    """A poll may name the board by whatever name it has there; one from a page elsewhere may not."""
    assert lonely.poll(Host="console.shop.svc.cluster.local:8090").status_code == 200
    assert lonely.poll(Origin="http://evil.example").status_code == 403
