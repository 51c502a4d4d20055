import pytest

SPAN = {
    "traceId": "5af7183fb1d4cf5f",
    "id": "6b221d5bc9e6496c",
    "parentId": "352bff9a74ca9ad2",
    "name": "get /api",
    "kind": "CLIENT",
    "timestamp": 1556604172355737,
    "duration": 1431,
    "localEndpoint": {"serviceName": "backend", "ipv4": "192.168.99.1", "port": 3306},
    "remoteEndpoint": {"serviceName": "database", "ipv4": "172.19.0.2", "port": 58648},
    "annotations": [{"timestamp": 1556604172355800, "value": "wr"}],
    "tags": {"http.method": "GET", "error": "timed out", "otel.scope.name": "lib", "http.status_code": "504"},
    "shared": False,
    "debug": True,
}


def stored(client, trace="5af7183fb1d4cf5f"):
    return client.get(f"/api/v3/traces/{trace}?rawTraces=true").get_json()["result"]["resourceSpans"]


def sent(client, **changes):
    assert client.post("/api/v2/spans", json=[SPAN | changes]).status_code == 202
    return stored(client)[0]["scopeSpans"][0]["spans"][0]


def values(owner):
    return {item["key"]: next(iter(item["value"].values())) for item in owner.get("attributes", ())}


def test_a_whole_span(client):
    assert client.post("/api/v2/spans", json=[SPAN]).status_code == 202
    (resource,) = stored(client)
    (scope,) = resource["scopeSpans"]
    (span,) = scope["spans"]
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "backend"}}]
    assert scope["scope"] == {"name": "lib"}
    assert (span["traceId"], span["parentSpanId"], span["kind"]) == ("0" * 16 + SPAN["traceId"], SPAN["parentId"], 3)
    assert (span["startTimeUnixNano"], span["endTimeUnixNano"]) == ("1556604172355737000", "1556604172357168000")
    assert span["status"] == {"code": 2}
    assert span["events"] == [{"name": "wr", "timeUnixNano": "1556604172355800000"}]
    assert values(span) == {
        "http.method": "GET",
        "http.response.status_code": "504",
        "error": "timed out",
        "network.local.address": "192.168.99.1",
        "net.host.port": "3306",
        "network.peer.address": "172.19.0.2",
        "net.peer.port": "58648",
        "service.peer.name": "database",
    }


@pytest.mark.parametrize(
    "body",
    [
        [],
        [{"traceId": "a", "id": "b"}],
        [{"traceId": "a", "id": "b", "tags": None, "later": [1]}],
        [{"traceId": "a", "id": "b", "parentId": ""}],
    ],
)
def test_small_bodies(client, body):
    assert client.post("/api/v2/spans/", json=body).status_code == 202
    assert client.get("/api/telemetry").get_json()["traces"]["spans"] == len(body)


def test_one_bad_span_does_not_spoil_the_others(client):
    bad = [{"traceId": "xyz", "id": 5}, 7, None, SPAN | {"id": "1" * 17}, SPAN | {"tags": {"otel.scope.name": "\ud800"}}]
    assert client.post("/api/v2/spans", json=[SPAN, *bad]).status_code == 202
    assert client.get("/api/telemetry").get_json()["traces"]["spans"] == 1


@pytest.mark.parametrize("body", ["{", "{}", '[{"traceId": "zz"}]', "[7]", "[" * 100_000])
def test_invalid_bodies_return_400(client, body):
    assert client.post("/api/v2/spans", data=body, content_type="application/json").status_code == 400


def test_a_deep_tag_is_kept_or_refused(client):
    for depth in range(700, 1000, 20):
        body = '[{"traceId": "a", "id": "b", "tags": {"x": ' + "[" * depth + "]" * depth + "}}]"
        assert client.post("/api/v2/spans", data=body, content_type="application/json").status_code in {202, 400}


@pytest.mark.parametrize(
    ("tags", "status", "left"),
    [
        ({"otel.status_code": "STATUS_CODE_OK"}, {"code": 1}, {}),
        ({"otel.status_code": "Error", "otel.status_description": "why"}, {"code": 2, "message": "why"}, {}),
        ({"otel.status_code": "Ok", "error": "true"}, {"code": 2}, {}),
        ({"otel.status_description": "why"}, {}, {"otel.status_description": "why"}),
        ({"error": ""}, {"code": 2}, {"error": ""}),
        ({"error": "false"}, {"code": 2}, {"error": "false"}),
    ],
)
def test_status_tags(client, tags, status, left):
    span = sent(client, tags=tags, localEndpoint=None, remoteEndpoint=None)
    assert (span["status"], values(span)) == (status, left)


@pytest.mark.parametrize(
    ("kind", "tag", "stored_kind", "left"),
    [
        ("SERVER", "client", 2, {"span.kind": "client"}),
        ("PRODUCER", None, 4, {}),
        ("CONSUMER", None, 5, {}),
        (None, "internal", 1, {}),
        ("LATER", "server", None, {}),
    ],
)
def test_kinds(client, kind, tag, stored_kind, left):
    span = sent(client, kind=kind, tags={"span.kind": tag} if tag else {}, localEndpoint=None, remoteEndpoint=None)
    assert (span.get("kind"), values(span)) == (stored_kind, left)


def test_parents_and_ids(client):
    assert "parentSpanId" not in sent(client, parentId=SPAN["id"].upper())
    client.delete("/api/telemetry")
    assert sent(client, parentId="1")["parentSpanId"] == "0" * 15 + "1"
    client.post("/api/v2/spans", json=[SPAN | {"traceId": "ABC" + "0" * 29}])
    assert len(stored(client, "abc" + "0" * 29)) == 1


def test_a_shared_span_is_its_callers_child_in_the_same_trace(client):
    server = {"kind": "SERVER", "shared": True, "localEndpoint": {"serviceName": "frontend"}}
    client.post("/api/v2/spans", json=[SPAN, SPAN | server])
    assert sorted(values(one["resource"])["service.name"] for one in stored(client)) == ["backend", "frontend"]


def test_times(client):
    span = sent(client, timestamp=None, tags={}, localEndpoint={"ipv6": "::1", "ipv4": "10.0.0.1"}, remoteEndpoint=None)
    assert (span.get("startTimeUnixNano", "0"), span["endTimeUnixNano"]) == ("0", "1431000")
    assert values(span) == {"otel.zipkin.absentField.startTime": True, "network.local.address": "::1"}


def test_tags_of_the_resource_and_scope(client):
    tags = {
        "host.name": "h",
        "faas.id": "f",
        "service.version": "2",
        "otel.library.name": "l",
        "otel.library.version": "1",
        "x": "y",
    }
    client.post("/api/v2/spans", json=[SPAN | {"tags": tags, "remoteEndpoint": None}, SPAN | {"id": "2"}])
    first, second = stored(client)
    assert values(first["resource"]) == {
        "service.name": "backend",
        "host.name": "h",
        "cloud.resource_id": "f",
        "service.version": "2",
    }
    assert first["scopeSpans"][0]["scope"] == {"name": "l", "version": "1"}
    assert values(first["scopeSpans"][0]["spans"][0]) == {
        "x": "y",
        "network.local.address": "192.168.99.1",
        "net.host.port": "3306",
    }
    assert values(second["resource"]) == {"service.name": "backend"}


def test_the_collectors_own_exporter(client):
    """It writes trace state, links, events' attributes and the service's attribute as text."""
    link = '"' + "a" * 32 + '"|"' + "b" * 16 + '"|k=v|{"n":1.5,"s":"a|b"}|2'
    span = sent(
        client,
        tags={"w3c.tracestate": "a=b", "otlp.link.0": link, "otlp.service.name.source": "faas.name"},
        annotations=[{"timestamp": 1, "value": 'retry|{"attempt":2,"huge":1e400,"ok":true}|3'}, {"timestamp": 2, "value": "a|b|7"}],
    )
    assert span["traceState"] == "a=b"
    (found,) = span["links"]
    assert (found["traceId"], found["spanId"], found["traceState"]) == ("a" * 32, "b" * 16, "k=v")
    assert (values(found), found["droppedAttributesCount"]) == ({"n": 1.5, "s": "a|b"}, 2)
    event, other = span["events"]
    assert (event["name"], event["droppedAttributesCount"], other["name"]) == ("retry", 3, "a|b|7")
    assert values(event) == {"attempt": "2", "huge": "Infinity", "ok": True}
    assert values(stored(client)[0]["resource"])["faas.name"] == "backend"
