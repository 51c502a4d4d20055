from urllib.parse import parse_qsl

import pytest
from werkzeug.datastructures import MultiDict

from console.board import chaos_api
from vshop.incidents.incident import Switch

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
def test_wrong_body(unfollowed, body, field) -> None:
    answer = unfollowed.put("orders-lost", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert field in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert unfollowed.board.snapshot().revision == 0


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
def test_wrong_query(unfollowed, query, field) -> None:
    answer = unfollowed.put(f"orders-lost?{query}")
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_items_before_the_item_is_known(unfollowed) -> None:
    answer = unfollowed.put("auth-late", json={"items": [1]})
    assert (answer.status_code, answer.json()["field"]) == (400, "items")
    assert unfollowed.board.snapshot().revision == 0


def test_a_probability_of_a_global_incident(unfollowed, monkeypatch) -> None:
    monkeypatch.setitem(unfollowed.board.switchable, "orders-lost", Switch(services=["orders"], scope=["global"]))
    answer = unfollowed.put("orders-lost?probability=0.5")
    assert (answer.status_code, answer.json()["field"]) == (400, "probability")
    assert unfollowed.board.snapshot().revision == 0


def test_a_field_in_body_and_query(unfollowed) -> None:
    answer = unfollowed.put("orders-lost?for=1s", json={"for": "2s"})
    assert (answer.status_code, answer.json()["field"]) == (400, "for")


def test_no_json(unfollowed) -> None:
    json = {"Content-Type": "application/json"}
    assert unfollowed.put("orders-lost", data="{", headers=json).json()["field"] == "body"
    answer = unfollowed.put("orders-lost", data='{"on": true}')
    assert (answer.status_code, "?for=60s" in answer.json()["detail"]) == (415, True)
    assert unfollowed.put("orders-lost", data=b"x" * 20_000, headers=json).status_code == 413


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("for=60s", {"for": 60.0}),
        ("for=60", {"for": 60.0}),
        ("for=1.5m", {"for": 90.0}),
        ("for=500ms", {"for": 0.5}),
        ("for=24h", {"for": 86_400.0}),
        ("item=1&item=2", {"items": (1, 2)}),
        ("items=2,1,2", {"items": (1, 2)}),
        ("probability=0", {"probability": 0.0}),
        ("on=true", {"on": True}),
        ("on", {"on": True}),
        ("", {}),
    ],
)
def test_right_query(query, expected) -> None:
    assert chaos_api.parse(b"", MultiDict(parse_qsl(query, keep_blank_values=True))) == expected


def test_an_unknown_incident_returns_similar_ids(unfollowed) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = unfollowed.request(method, "/chaos/order-lost")
        assert (answer.status_code, answer.json()["near"][0]) == (404, "orders-lost")
        assert "orders-lost" in answer.json()["detail"]
    assert unfollowed.put("zzz").json()["near"] == []


def test_an_incident_without_a_switch_returns_its_trigger(unfollowed) -> None:
    answer = unfollowed.put("stock-sold-out")
    assert (answer.status_code, 'POST /orders {"itemId":9}' in answer.json()["detail"]) == (409, True)
    answer = unfollowed.put("orders-once")
    assert (answer.status_code, "shop.chaos=orders-once" in answer.json()["detail"]) == (409, True)


def test_a_wrong_method_returns_the_allowed_ones(unfollowed) -> None:
    answer = unfollowed.request("POST", "/chaos/orders-lost")
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
def test_another_web_page_cannot_change_a_switch(unfollowed, headers, method) -> None:
    answer = unfollowed.request(method, "/chaos/orders-lost", headers=headers)
    assert answer.status_code in (400, 403)
    assert unfollowed.board.snapshot().revision == 0


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "console:8090", "shop.localhost"])
def test_its_own_page_can_change_a_switch(console, follow, host) -> None:
    follow(console, "orders")
    name = host.format(port=console.port)
    assert console.put("orders-lost", headers={"Host": name, "Origin": f"http://{name}"}).status_code == 200


def test_followers_may_use_any_host_name(unfollowed) -> None:
    """Unless the poll comes from another web page."""
    assert unfollowed.poll(Host="console.shop.svc.cluster.local:8090").status_code == 200
    assert unfollowed.poll(Origin="http://evil.example").status_code == 403
