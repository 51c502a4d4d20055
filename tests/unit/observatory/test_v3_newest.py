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


def test_a_trace_id_may_be_base64(client, send, span):
    send(span(1, 1))
    ids = (f"{1:032x}", "1", "AAAAAAAAAAAAAAAAAAAAAQ==", "AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAE=")
    assert [client.get(f"/api/v3/traces/{one}").status_code for one in ids] == [200] * len(ids)
    for bad in ("AAAz", "not-an-id", "ü", "a/b/c"):
        assert client.get(f"/api/v3/traces/{bad}").status_code == 400


def test_times_of_one_trace_are_checked(client, send, span):
    send(span(1, 1))
    assert client.get("/api/v3/traces/1?startTime=2020-01-01T00:00:00Z&end_time=2030-01-01T00:00:00Z").status_code == 200
    assert client.get("/api/v3/traces/1?start_time=yesterday").status_code == 400


def test_spans_without_kind_are_internal(client, send, span):
    send(span(1, 1, kind=0))
    assert client.get("/api/v3/operations?service=orders").get_json()["operations"] == [{"name": "work", "spanKind": "internal"}]


@pytest.mark.parametrize(
    "path",
    [
        "/api/traces?service=orders&attributes=x",
        "/api/traces?query.serviceName=orders",
        "/api/traces/1?depth=3",
        "/api/services?name=x",
        "/api/operations?service=orders&kind=server",
        "/api/dependencies?until=5",
    ],
)
def test_version_1_refuses_unknown_parameters_too(client, path):
    response = client.get(path)
    assert response.status_code == 400
    assert "is not supported. Known parameters: " in response.get_json()["errors"][0]["msg"]


def test_version_1_takes_what_jaegers_page_and_grafana_send(client, send, span):
    send(span(1, 1))
    page = "limit=20&lookback=custom&start=1&end=9999999999999999&maxDuration&minDuration&operation=&span=a&uiEmbed=v0&view=list"
    assert len(client.get(f"/api/traces?service=orders&{page}").get_json()["data"]) == 1
    assert client.get("/api/traces/1?start=1&end=9&prettyPrint=true").status_code == 200
