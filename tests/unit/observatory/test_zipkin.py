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
    "tags": {"http.method": "GET", "error": "timed out", "otel.scope.name": "lib"},
    "shared": False,
    "debug": True,
}


def stored(client, trace="5af7183fb1d4cf5f"):
    return client.get(f"/api/v3/traces/{trace}?rawTraces=true").get_json()["result"]["resourceSpans"]


def test_a_whole_span(client):
    assert client.post("/api/v2/spans", json=[SPAN]).status_code == 202
    (resource,) = stored(client)
    (scope,) = resource["scopeSpans"]
    (span,) = scope["spans"]
    attributes = {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "backend"}}]
    assert scope["scope"] == {"name": "lib"}
    assert (span["traceId"], span["parentSpanId"], span["kind"]) == ("0" * 16 + SPAN["traceId"], SPAN["parentId"], 3)
    assert (span["startTimeUnixNano"], span["endTimeUnixNano"]) == ("1556604172355737000", "1556604172357168000")
    assert span["status"] == {"code": 2, "message": "timed out"}
    assert span["events"] == [{"name": "wr", "timeUnixNano": "1556604172355800000"}]
    assert attributes == {
        "http.method": "GET",
        "net.host.ip": "192.168.99.1",
        "net.host.port": "3306",
        "net.peer.ip": "172.19.0.2",
        "net.peer.port": "58648",
        "peer.service": "database",
    }


@pytest.mark.parametrize("body", [[], [{"traceId": "a", "id": "b"}], [{"traceId": "a", "id": "b", "tags": None, "later": [1]}]])
def test_small_bodies(client, body):
    assert client.post("/api/v2/spans/", json=body).status_code == 202
    assert client.get("/api/telemetry").get_json()["traces"]["spans"] == len(body)


def test_one_bad_span_does_not_spoil_the_others(client):
    assert client.post("/api/v2/spans", json=[SPAN, {"traceId": "xyz", "id": 5}, 7, None]).status_code == 202
    assert client.get("/api/telemetry").get_json()["traces"]["spans"] == 1


@pytest.mark.parametrize("body", ["{", "{}", '[{"traceId": "zz"}]', "[7]", "[" * 100_000])
def test_invalid_bodies_return_400(client, body):
    assert client.post("/api/v2/spans", data=body, content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    ("tags", "status"),
    [
        ({"otel.status_code": "STATUS_CODE_OK"}, {"code": 1}),
        ({"otel.status_code": "ERROR", "otel.status_description": "why"}, {"code": 2, "message": "why"}),
        ({"error": ""}, {"code": 2}),
        ({"error": "false"}, {}),
    ],
)
def test_status_tags(client, tags, status):
    client.post("/api/v2/spans", json=[SPAN | {"tags": tags}])
    assert stored(client)[0]["scopeSpans"][0]["spans"][0]["status"] == status
