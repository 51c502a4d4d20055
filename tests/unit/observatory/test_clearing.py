import pytest

SECOND = 10**9
COUNTER = {"aggregationTemporality": 2, "isMonotonic": True}


@pytest.fixture
def count(client, clock):
    def send(value):
        metric = {
            "name": "shop.orders.placed",
            "sum": {"dataPoints": [{"timeUnixNano": str(clock.now_ns), "asInt": value}]} | COUNTER,
        }
        assert client.post("/v1/metrics", json={"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).status_code == 200

    return send


@pytest.fixture
def log(client, clock):
    def send(text, seconds=0):
        record = {"timeUnixNano": str(clock.now_ns + seconds * SECOND), "body": {"stringValue": text}}
        assert client.post("/v1/logs", json={"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).status_code == 200

    return send


def trace_ids(client):
    held = client.get("/api/traces?service=orders&lookback=1h").get_json()["data"] or []
    return {int(trace["traceID"], 16) for trace in held}


def test_clear_drops_and_counts_everything(client, clock, send, span, log, count):
    send(span(1, 1), span(2, 2))
    log("before")
    for value in (1, 2, 3):
        count(value)
    clock.now_ns += SECOND

    assert client.delete("/api/telemetry").get_json() == {"traces": 2, "logRecords": 1, "metricPoints": 2}
    held = client.get("/api/telemetry").get_json()
    assert (held["traces"]["traces"], held["traces"]["spans"], held["traces"]["bytes"]) == (0, 0, 0)
    assert (held["traces"]["droppedSpans"], held["logs"]["records"], held["logs"]["bytes"]) == (2, 0, 0)
    assert client.get("/api/services").get_json()["data"] in (None, [])


def test_clear_keeps_the_latest_point_of_a_counter(client, clock, count):
    """It is the base of the next increase."""
    for value in (1, 5):
        count(value)
        clock.now_ns += SECOND
    client.delete("/api/telemetry")
    count(7)

    (series,) = client.get("/api/metrics?name=shop.orders.placed").get_json()["series"]
    assert [point["value"] for point in series["points"]] == [5, 7]


def test_late_spans_and_logs_are_dropped_after_a_clear(client, clock, stores, send, span, log):
    clock.now_ns += SECOND
    client.delete("/api/telemetry")
    send(span(1, 1), span(2, 2) | {"startTimeUnixNano": str(clock.now_ns)})
    log("late", seconds=-1)
    log("new")

    assert [int.from_bytes(trace.id, "big") for trace in stores.traces.traces()] == [2]
    assert [record.message().body.string_value for record in stores.logs.records()] == ["new"]
    assert stores.traces.counts()["droppedSpans"] == 1


def test_old_recordings_are_stored_after_a_clear(client, clock, stores, send, span):
    clock.now_ns += 3600 * SECOND
    client.delete("/api/telemetry")
    send(span(1, 1))

    assert len(stores.traces.traces()) == 1


def test_cross_origin_clear_returns_403(client, send, span):
    send(span(1, 1))

    assert client.delete("/api/telemetry", headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.get("/api/telemetry").get_json()["traces"]["traces"] == 1


def test_clear_accepts_a_series_without_points(client):
    point = {"timeUnixNano": "2", "startTimeUnixNano": "1", "flags": 1}
    metric = {"name": "m", "sum": {"dataPoints": [point], "aggregationTemporality": 1}}
    client.post("/v1/metrics", json={"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})

    assert client.delete("/api/telemetry").get_json()["metricPoints"] == 0
