"""Jaeger's query API. tests/docker compares it with a real Jaeger."""

import pytest

from observatory.app import create_app
from observatory.forward import Forwarding
from observatory.ingest import Receiver


@pytest.fixture
def shown(client):
    def ask(**query):
        (trace,) = client.get("/api/traces/1", query_string=query).get_json()["data"]
        return {int(span["spanID"], 16): span | {"process": trace["processes"][span["processID"]]} for span in trace["spans"]}

    return ask


def tags(span):
    return {tag["key"]: (tag["type"], tag["value"]) for tag in span["tags"]}


def test_complete_span(send, span, shown):
    failed = {"status": {"code": 2, "message": "no"}, "traceState": "a=b"}
    send(span(1, 1, name="POST /orders", kind=2, attributes={"n": 2**53, "f": 2.0}, **failed), **{"host.name": "one"})
    found = shown()[1]
    assert (found["traceID"], found["spanID"], found["operationName"]) == ("0" * 15 + "1", "0" * 15 + "1", "POST /orders")
    assert (found["startTime"], found["duration"]) == (1_790_000_000_000_000, 1_000)
    assert tags(found) == {
        "n": ("int64", str(2**53)),
        "f": ("float64", 2),
        "error": ("bool", True),
        "otel.scope.name": ("string", "tests"),
        "otel.status_code": ("string", "ERROR"),
        "otel.status_description": ("string", "no"),
        "span.kind": ("string", "server"),
        "w3c.tracestate": ("string", "a=b"),
    }
    assert [tag["key"] for tag in found["tags"]] == sorted(tag["key"] for tag in found["tags"])
    assert found["process"] == {"serviceName": "orders", "tags": [{"key": "host.name", "type": "string", "value": "one"}]}


def test_nan_and_infinities_are_text(client, send, span):
    send(span(attributes={"nan": {"doubleValue": "NaN"}, "inf": {"doubleValue": "-Infinity"}}))
    found = client.get("/api/traces/1").get_json()["data"][0]["spans"][0]
    assert (tags(found)["nan"], tags(found)["inf"]) == (("float64", "NaN"), ("float64", "-Inf"))


def test_events_are_logs(send, span, shown):
    attributes = span(attributes={"b": "2", "a": "1"})["attributes"]
    send(span() | {"events": [{"name": "exception", "timeUnixNano": "1790000000000001999", "attributes": attributes}]})
    (log,) = shown()[1]["logs"]
    assert log["timestamp"] == 1_790_000_000_000_001
    assert [(field["key"], field["value"]) for field in log["fields"]] == [("event", "exception"), ("a", "1"), ("b", "2")]


def test_links_are_references(send, span, shown):
    links = [{"traceId": "0" * 31 + "2", "spanId": "0" * 15 + "9"}, {"traceId": "", "spanId": "0" * 15 + "8"}]
    send(span(1, 1), span(1, 2, 1, lasts_us=10) | {"links": links})
    found = shown()[2]
    assert [(item["refType"], item["traceID"][-1], item["spanID"][-1]) for item in found["references"]] == [
        ("CHILD_OF", "1", "1"),
        ("FOLLOWS_FROM", "2", "9"),
    ]
    assert found["warnings"] is None


@pytest.mark.parametrize(
    ("child", "start_us", "duration_us"),
    [
        ({"at_us": 900, "lasts_us": 500}, 900, 500),
        ({"at_us": -10, "lasts_us": 2_000}, -10, 2_000),
        ({"parent": 7, "at_us": 5}, 5, 1_000),
        ({"at_us": 5, "lasts_us": -2}, 5, 0),
    ],
)
def test_a_childs_times_are_shown_as_sent(send, span, shown, child, start_us, duration_us):
    """Also outside of its parent's, or without its parent. A negative duration becomes a nanosecond."""
    send(span(1, 1), span(1, 2, **({"parent": 1} | child)))
    found = shown()[2]
    assert (found["startTime"], found["duration"], found["warnings"]) == (1_790_000_000_000_000 + start_us, duration_us, None)


def test_cycles_of_parents_are_shown(send, span, shown):
    send(span(1, 1, 1), span(1, 2, 3), span(1, 3, 2))
    assert sorted(shown()) == [1, 2, 3]


def test_a_chain_of_a_thousand_spans(client, batch, span, stores):
    stores.traces.max_items, stores.traces.max_bytes = 5_000, 10**7
    client.post("/v1/traces", json=batch(*(span(1, number, number - 1) for number in range(1, 1_001))))
    assert len(client.get("/api/traces/1").get_json()["data"][0]["spans"]) == 1_000
    assert client.get("/api/v3/traces/1").status_code == 200


def test_spans_with_one_id_are_both_shown(send, span, client):
    send(span(1, 1, name="a"), span(1, 1, name="b"))
    spans = client.get("/api/traces/1").get_json()["data"][0]["spans"]
    assert [item["operationName"] for item in spans] == ["a", "b"]


def test_the_service_map_counts_calls(client, send, span):
    send(span(1, 1), span(1, 2, 1))
    send(span(1, 3, 2), service="auth-stub")
    found = client.get("/api/dependencies?endTs=1790000001000&lookback=2000").get_json()["data"]
    assert found == [
        {"parent": "orders", "child": "auth-stub", "callCount": 1},
        {"parent": "orders", "child": "orders", "callCount": 1},
    ]
    assert client.get("/api/dependencies?endTs=1790000000000&lookback=2000").get_json()["data"] == []


def test_v3_is_otlps_json(client, send, span):
    sent = span(1, 2, attributes={"n": 5, "traceId": "not an id"}) | {"parentSpanId": "0" * 15 + "1"}
    send(span(1, 1), sent)
    (group,) = client.get("/api/v3/traces/1").get_json()["result"]["resourceSpans"]
    shown = group["scopeSpans"][0]["spans"][1]
    assert group["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "orders"}}]
    assert {key: shown[key] for key in ("traceId", "spanId", "parentSpanId", "startTimeUnixNano")} == {
        key: sent[key] for key in ("traceId", "spanId", "parentSpanId", "startTimeUnixNano")
    }
    assert [item["value"] for item in shown["attributes"]] == [{"intValue": "5"}, {"stringValue": "not an id"}]
    # Asked twice, it answers the same.
    assert client.get("/api/v3/traces/1").get_json()["result"]["resourceSpans"] == [group]


def test_trace_link_redirects_to_json_without_a_console(client):
    response = client.get("/trace/5b8efff798038103d269b633813fc60c")
    assert (response.status_code, response.location) == (302, "/api/traces/5b8efff798038103d269b633813fc60c?prettyPrint=true")
    assert (client.get("/trace/xyz").status_code, client.get("/trace/xyz").get_json()["field"]) == (400, "traceId")


def test_trace_link_redirects_to_the_console(stores):
    client = create_app(Receiver(stores, Forwarding()), [], console_url="http://127.0.0.1:8090/").test_client()
    response = client.get("/trace/5b8efff798038103d269b633813fc60c")
    assert response.location == "http://127.0.0.1:8090/traces/5b8efff798038103d269b633813fc60c"


def test_unknown_path_returns_a_problem(client):
    assert (client.get("/api/nothing").status_code, client.get("/api/nothing").mimetype) == (404, "application/problem+json")


def test_readiness_reads_the_stores(client, send, span, stores, monkeypatch):
    send(span())
    check = client.get("/readyz").get_json()["checks"]["stores"]
    assert (check["ok"], "the stores hold 1 spans in 1 traces" in check["seen"]) == (True, True)
    monkeypatch.setattr(stores.traces, "counts", lambda: 1 / 0)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
