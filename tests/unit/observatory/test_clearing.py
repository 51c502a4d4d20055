"""``DELETE /api/telemetry``: nothing is held any more, and nothing of before comes in afterwards."""

import pytest

SECOND = 10**9
COUNTER = {"aggregationTemporality": 2, "isMonotonic": True}


@pytest.fixture
def count(client, clock):
    """Send a counter's value as of now."""

    def send(value):
        metric = {
            "name": "shop.orders.placed",
            "sum": {"dataPoints": [{"timeUnixNano": str(clock.now_ns), "asInt": value}]} | COUNTER,
        }
        assert client.post("/v1/metrics", json={"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).status_code == 200

    return send


@pytest.fixture
def log(client, clock):
    """Send a log record, so many seconds from now."""

    def send(text, seconds=0):
        record = {"timeUnixNano": str(clock.now_ns + seconds * SECOND), "body": {"stringValue": text}}
        assert client.post("/v1/logs", json={"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).status_code == 200

    return send


def trace_ids(client):
    """Name the traces held."""
    held = client.get("/api/traces?service=orders&lookback=1h").get_json()["data"] or []
    return {int(trace["traceID"], 16) for trace in held}


def test_everything_is_gone_and_counted(client, clock, send, span, log, count):
    """The answer says how much it was."""
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


def test_a_counters_latest_value_is_kept(client, clock, count):
    """Services count on; whoever asks how many came since must have where it stood."""
    for value in (1, 5):
        count(value)
        clock.now_ns += SECOND
    client.delete("/api/telemetry")
    count(7)

    (series,) = client.get("/api/metrics?name=shop.orders.placed").get_json()["series"]
    assert [point["value"] for point in series["points"]] == [5, 7]


def test_what_was_on_its_way_comes_too_late(client, clock, stores, send, span, log):
    """Half a trace would be left of an order that was placed before."""
    clock.now_ns += SECOND
    client.delete("/api/telemetry")
    send(span(1, 1), span(2, 2) | {"startTimeUnixNano": str(clock.now_ns)})
    log("late", seconds=-1)
    log("new")

    assert [int.from_bytes(trace.id, "big") for trace in stores.traces.traces()] == [2]
    assert [record.message().body.string_value for record in stores.logs.records()] == ["new"]
    assert stores.traces.counts()["droppedSpans"] == 1


def test_what_is_much_older_is_a_recording_and_held(client, clock, stores, send, span):
    """Somebody replays it."""
    clock.now_ns += 3600 * SECOND
    client.delete("/api/telemetry")
    send(span(1, 1))

    assert len(stores.traces.traces()) == 1


def test_no_page_from_elsewhere_clears(client, send, span):
    """A browser names the page that asks."""
    send(span(1, 1))

    assert client.delete("/api/telemetry", headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.get("/api/telemetry").get_json()["traces"]["traces"] == 1
