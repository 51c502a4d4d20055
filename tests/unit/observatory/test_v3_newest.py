import pytest

WINDOW = "query.startTimeMin=2020-01-01T00:00:00Z&query.startTimeMax=2030-01-01T00:00:00Z"


def test_both_spellings_find_the_same(client, send, span):
    send(span(1, 1, kind=2, attributes={"color": "red"}))
    send(span(2, 2), service="other")
    old = "query.start_time_min=2020-01-01T00:00:00Z&query.start_time_max=2030-01-01T00:00:00Z"
    new = client.get(f"/api/v3/traces?query.serviceName=orders&query.searchDepth=5&{WINDOW}").get_json()
    assert new == client.get(f"/api/v3/traces?query.service_name=orders&query.num_traces=5&{old}").get_json()
    assert len(new["result"]["resourceSpans"]) == 1
    for name in ("spanKind", "span_kind"):
        assert client.get(f"/api/v3/operations?service=orders&{name}=client").get_json() == {"operations": []}
        assert len(client.get(f"/api/v3/operations?service=orders&{name}=server").get_json()["operations"]) == 1


def test_attributes_limit_a_search(client, send, span):
    send(span(1, 1, attributes={"color": "red"}))
    assert client.get(f'/api/v3/traces?query.attributes={{"color":"red"}}&{WINDOW}').status_code == 200
    assert client.get(f'/api/v3/traces?query.attributes={{"color":"blue"}}&{WINDOW}').status_code == 404
    assert client.get(f"/api/v3/traces?query.attributes=color&{WINDOW}").status_code == 400


def test_summary(client, send, span):
    send(span(1, 1, status={"code": 2}), span(1, 2, parent=1), span(1, 3, parent=9))
    (found,) = client.get(f"/api/v3/trace-summaries?query.serviceName=orders&{WINDOW}").get_json()["summaries"]
    assert found == {
        "traceId": f"{1:032x}",
        "rootServiceName": "orders",
        "rootOperationName": "work",
        "minStartTimeUnixNano": "1790000000000000000",
        "maxEndTimeUnixNano": "1790000000001000000",
        "spanCount": 3,
        "errorSpanCount": 1,
        "orphanSpanCount": 1,
        "services": [{"name": "orders", "spanCount": 3, "errorSpanCount": 1}],
    }
    assert client.get(f"/api/v3/trace-summaries?query.serviceName=nobody&{WINDOW}").get_json() == {}


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v3/traces?query.filter={{}}&{WINDOW}",
        f"/api/v3/trace-summaries?query.service=orders&{WINDOW}",
        "/api/v3/operations?service=orders&kind=server",
        "/api/v3/traces/1?depth=3",
    ],
)
def test_an_unknown_parameter_returns_400(client, path):
    response = client.get(path)
    assert response.status_code == 400
    assert "is not supported. Known parameters: " in response.get_json()["error"]["message"]


def test_the_root_names_the_endpoints(client):
    assert "/v1/traces" in client.get("/").get_json()["receives"]
