import json

import pytest

from observatory.jaeger import search
from observatory.jaeger.search import Query

WINDOW = "start=1789999999000000&end=1790000100000000"


@pytest.fixture
def found(client):
    def ask(query, window=WINDOW):
        response = client.get(f"/api/traces?service=orders&{window}&{query}")
        assert response.status_code == 200, response.text
        return [int(trace["traceID"], 16) for trace in response.get_json()["data"]]

    return ask


def test_latest_arrivals_come_first_up_to_the_limit(send, span, found):
    for trace in range(1, 6):
        send(span(trace))
    assert found("limit=3") == [5, 4, 3]
    assert found("") == [5, 4, 3, 2, 1]


def test_one_span_must_meet_the_whole_query(send, span, found):
    send(span(1, 1, name="a", attributes={"x": 1}), span(1, 2, name="b", attributes={"y": 1}))
    send(span(2, 3, name="a", attributes={"x": 1, "y": 1}))
    assert found("operation=a&tag=x:1&tag=y:1") == [2]
    assert found("operation=a&tag=x:1") == [2, 1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("GET /a b", "GET /a b"),
        (200, "200"),
        (-1, "-1"),
        (True, "true"),
        (False, "false"),
        (0.25, "0.25"),
        (3.0, "3"),
        ({"bytesValue": "AAH+/w=="}, "AAH+/w=="),
        ({"arrayValue": {"values": [{"stringValue": "a"}]}}, '["a"]'),
        ({"kvlistValue": {"values": [{"key": "k", "value": {"intValue": 1}}]}}, '{"k":1}'),
        ({"doubleValue": "NaN"}, "NaN"),
        ("true", "true"),
        ("200", "200"),
        ("", ""),
        ({}, ""),
        ("Größe 🛒", "Größe 🛒"),
    ],
)
@pytest.mark.parametrize("place", ["span", "event", "resource"])
def test_values_of_every_type_are_found_by_their_text(client, send, span, place, value, text):
    values = {"the.key": value}
    inside = span(attributes=values)
    if place == "event":
        inside = span() | {"events": [{"name": "e", "attributes": inside["attributes"]}]}
    send(span() if place == "resource" else inside, **(values if place == "resource" else {}))
    query = {"service": "orders", "start": "0"}
    assert len(client.get("/api/traces", query_string=query | {"tags": json.dumps({"the.key": text})}).get_json()["data"]) == 1
    for key, other in (("the.key", text + "x"), ("the.key", "other"), ("the.ke", text)):
        assert client.get("/api/traces", query_string=query | {"tags": json.dumps({key: other})}).get_json()["data"] == []


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("error:true", [2]),
        ("error:false", [3, 1]),
        ("span.kind:client", [2]),
        ("span.kind:nothing", []),
        ("otel.status_code:ERROR", [2]),
        ("otel.status_code:", []),
        ("otel.status_description:went wrong", [2]),
        ("otel.scope.name:tests", [3, 2, 1]),
        ("w3c.tracestate:a=b", [3]),
        ("event:exception", [3]),
        ("event:exceptio", []),
    ],
)
def test_derived_tags_are_found(send, span, found, tag, expected):
    send(span(1))
    send(span(2, kind=3, status={"code": 2, "message": "went wrong"}))
    send(span(3, traceState="a=b", events=[{"name": "exception"}]))
    assert expected == found(f"tag={tag}")


def test_bytes_outside_of_attributes_do_not_match(send, span, found):
    send(span(1, name="k", attributes={"other": "k v", "k": "w", "v": "k"}))
    assert found("tag=k:v") == []


def test_times_and_durations_are_inclusive(send, span, found):
    send(span(1, at_us=0, lasts_us=1_000))
    assert found("minDuration=1ms&maxDuration=1ms", window="start=1790000000000000&end=1790000000000000") == [1]
    assert found("minDuration=1.000001ms") == []
    assert found("", window="start=1790000000000001&end=1790000100000000") == []
    assert found("", window="start=0&end=1789999999999999") == []


def test_lookback_applies_only_without_start(client, send, span):
    send(span(1))
    days = {
        days: client.get(f"/api/traces?service=orders&lookback={days}").get_json()["data"] for days in ("2h", "custom", "99999d")
    }
    assert [len(data) for data in days.values()] == [0, 0, 1]
    assert len(client.get("/api/traces?service=orders&lookback=2h&start=0").get_json()["data"]) == 1


def test_an_empty_query_finds_everything(stores, send, span):
    send(span(1, at_us=-1_790_000_000_000_000))
    assert len(search.find(stores.traces.traces(), Query())) == 1
