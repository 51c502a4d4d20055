import pytest

from observatory.store import LogStore

START_NS = 1_790_000_000_000_000_000


@pytest.fixture
def log(client):
    def send(body="hello", *, service="orders", at_s=0, severity=9, **more):
        owner = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        record = {
            "timeUnixNano": str(START_NS + at_s * 10**9),
            "severityNumber": severity,
            "body": body if isinstance(body, dict) else {"stringValue": body},
        }
        sent = {"resourceLogs": [{"resource": owner, "scopeLogs": [{"scope": {"name": "app"}, "logRecords": [record | more]}]}]}
        assert client.post("/v1/logs", json=sent).status_code == 200

    return send


@pytest.fixture
def found(client):
    return lambda query="": [record["body"] for record in client.get(f"/api/logs?{query}").get_json()["records"]]


def test_complete_record(client, log):
    attributes = {
        "exception.type": "KeyError",
        "exception.message": "'id'",
        "exception.stacktrace": "Traceback …",
        "code.line": "7",
    }
    log(
        "placing new order",
        severity=17,
        traceId="5b8efff798038103d269b633813fc60c",
        spanId="aaaaaaaaaaaaaa01",
        attributes=[{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    )
    (record,) = client.get("/api/logs?traceId=5b8efff798038103d269b633813fc60c&spanId=aaaaaaaaaaaaaa01").get_json()["records"]
    assert record == {
        "time": "2026-09-21T14:13:20.000000000Z",
        "timestamp": START_NS // 1_000,
        "severity": "ERROR",
        "severityNumber": 17,
        "body": "placing new order",
        "service": "orders",
        "logger": "app",
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "aaaaaaaaaaaaaa01",
        "eventName": "",
        "attributes": attributes,
        "exception": {"type": "KeyError", "message": "'id'", "stacktrace": "Traceback …"},
    }


def test_minimal_record(client, log):
    """A structured body is JSON. The observed time replaces a missing one. Invalid ids are kept."""
    body = {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{"intValue": 1}]}}}]}}
    log(body, timeUnixNano="0", observedTimeUnixNano=str(START_NS), severityNumber=0, traceId="ab", spanId="0" * 16)
    (record,) = client.get("/api/logs").get_json()["records"]
    assert (record["body"], record["timestamp"], record["severity"]) == ({"a": [1]}, START_NS // 1_000, "")
    assert (record["traceId"], record["spanId"], record["exception"]) == ("ab", "", None)


def test_latest_records_in_order_of_time(log, found):
    for second in (3, 1, 4, 2):
        log(str(second), at_s=second)
    assert found() == ["1", "2", "3", "4"]
    assert found("limit=2") == ["3", "4"]
    assert found(f"since={START_NS // 1_000 + 3_000_000}") == ["3", "4"]
    assert found("limit=0") == []


@pytest.mark.parametrize(
    "since", ["1790000003000000", "1790000003", "1790000002.5", "2026-09-21T14:13:23Z", "2026-09-21T16:13:23%2B02:00"]
)
def test_since_takes_any_notation(log, found, since):
    for second in (3, 1, 4, 2):
        log(str(second), at_s=second)
    assert found(f"since={since}") == ["3", "4"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("service=orders", ["Größe missing"]),
        ("service=nobody", []),
        ("severity=warn", ["Größe missing"]),
        ("severity=13", ["Größe missing"]),
        ("severity=INFO", ["all is well", "Größe missing"]),
        ("severity=FATAL", []),
        ("search=WELL", ["all is well"]),
        ("search=is well", ["all is well"]),
        ("search=GRÖSSE", ["Größe missing"]),
        ("search=in an attribute", ["Größe missing"]),
        ("search=attribute", ["Größe missing"]),
        ("search=nowhere", []),
        ("traceId=abc", []),
    ],
)
def test_filters(log, found, query, expected):
    log("all is well", service="auth-stub", at_s=0)
    log("Größe missing", severity=17, at_s=1, attributes=[{"key": "note", "value": {"stringValue": "hidden in an attribute"}}])
    assert found(query) == expected


BAD = [
    "traceId=xyz",
    "spanId=" + "a" * 17,
    "traceId=" + "a" * 34,
    "severity=loud",
    "severity=25",
    "since=1e19",
    "limit=-1",
    "limit=x",
]


@pytest.mark.parametrize("query", BAD)
def test_invalid_parameter_returns_400_and_its_name(client, query):
    response = client.get(f"/api/logs?{query}")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    assert query.partition("=")[0] in response.get_json()["detail"]


def test_too_many_records_drop_the_oldest(client, log, stores):
    stores.logs.max_items = 3
    for number in range(5):
        log(str(number), service=f"s{number}", at_s=number)
    counts = client.get("/api/telemetry").get_json()
    assert (counts["logs"]["records"], counts["logs"]["droppedRecords"], counts["logs"]["receivedRecords"]) == (3, 2, 5)
    assert sorted(counts["services"]) == ["s2", "s3", "s4"]
    stores.logs.max_bytes = 1
    log("one more")
    assert stores.logs.counts()["records"] == 0


def test_empty_store():
    assert LogStore(1, 1).records() == []
