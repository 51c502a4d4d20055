import pytest

START_NS = 1_790_000_000_000_000_000


@pytest.fixture
def record(client):
    def send(name, kind, *points, service="orders", unit="1", **data):
        owner = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        metric = {"name": name, "unit": unit, "description": f"of {name}", kind: {"dataPoints": list(points)} | data}
        sent = {"resourceMetrics": [{"resource": owner, "scopeMetrics": [{"scope": {"name": "app"}, "metrics": [metric]}]}]}
        assert client.post("/v1/metrics", json=sent).status_code == 200

    return send


@pytest.fixture
def series(client):
    return lambda query="": client.get(f"/api/metrics?{query}").get_json()["series"]


def point(value=None, at_s=0, attributes=None, **more):
    made = {"timeUnixNano": str(START_NS + at_s * 10**9), "startTimeUnixNano": str(START_NS)}
    made["attributes"] = [{"key": key, "value": {"stringValue": text}} for key, text in (attributes or {}).items()]
    return made | ({} if value is None else {"asDouble" if isinstance(value, float) else "asInt": value}) | more


def test_a_counter_over_time(record, series):
    counter = {"aggregationTemporality": 2, "isMonotonic": True, "unit": "{order}"}
    record("shop.orders.placed", "sum", point(1, 0, {"a": "1", "b": "2"}), **counter)
    record("shop.orders.placed", "sum", point(4, 5, {"b": "2", "a": "1"}), **counter)
    (found,) = series("name=shop.orders.placed&service=orders")
    points = found.pop("points")
    assert found == {
        "name": "shop.orders.placed",
        "description": "of shop.orders.placed",
        "unit": "{order}",
        "type": "sum",
        "temporality": "cumulative",
        "monotonic": True,
        "service": "orders",
        "scope": "app",
        "attributes": {"a": "1", "b": "2"},
    }
    assert [(item["time"], item["startTime"], item["value"], item["exemplars"]) for item in points] == [
        (START_NS // 1_000, START_NS // 1_000, 1, []),
        (START_NS // 1_000 + 5_000_000, START_NS // 1_000, 4, []),
    ]


def test_a_histogram_with_exemplars(record, series):
    exemplar = {
        "timeUnixNano": str(START_NS),
        "asDouble": 0.3,
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "aaaaaaaaaaaaaa01",
    }
    record(
        "http.server.request.duration",
        "histogram",
        point(count="3", sum=1.5, min=0.1, bucketCounts=["1", "2", "0"], explicitBounds=[0.25, 1], exemplars=[exemplar]),
        aggregationTemporality=1,
        unit="s",
    )
    (found,) = series()
    (shown,) = found["points"]
    assert (found["type"], found["temporality"], found["unit"]) == ("histogram", "cumulative", "s")
    assert (shown["count"], shown["sum"], shown["min"], shown["max"]) == (3, 1.5, 0.1, None)
    assert shown["buckets"] == {"bounds": [0.25, 1], "counts": [1, 2, 0]}
    assert shown["exemplars"] == [
        {"time": START_NS // 1_000, "value": 0.3, "traceId": exemplar["traceId"], "spanId": exemplar["spanId"], "attributes": {}}
    ]


def test_other_kinds(record, series):
    record("lag", "gauge", point(float("nan"), asDouble="NaN"))
    record(
        "exp",
        "exponentialHistogram",
        point(count="2", sum=3.0, scale=1, zeroCount="1", positive={"offset": -1, "bucketCounts": ["1"]}),
    )
    record("old", "summary", point(count="2", sum=3.0, quantileValues=[{"quantile": 0.5, "value": 1.5}]))
    shown = {found["name"]: found["points"][0] for found in series()}
    assert (shown["lag"]["value"], series("name=lag")[0]["temporality"]) == ("NaN", None)
    assert (shown["exp"]["scale"], shown["exp"]["zeroCount"]) == (1, 1)
    assert (shown["exp"]["positive"], shown["exp"]["negative"]) == ({"offset": -1, "counts": [1]}, {"offset": 0, "counts": []})
    assert (shown["old"]["count"], shown["old"]["quantiles"]) == (2, [{"quantile": 0.5, "value": 1.5}])


def test_identity_of_series(record, series):
    record("m", "gauge", point(1), point(1, attributes={"a": "1"}))
    record("m", "gauge", point(1), service="auth-stub")
    record("m", "gauge", point(1), unit="s")
    record("m", "sum", point(1), aggregationTemporality=1)
    record("m", "sum", point(1), aggregationTemporality=2)
    record("n", "gauge", point(1))
    assert (len(series()), len(series("name=m")), len(series("service=auth-stub")), len(series("name=n&service=auth-stub"))) == (
        7,
        6,
        1,
        0,
    )


def test_series_and_points_are_bounded(client, record, series):
    for second in range(7):
        record("steady", "gauge", point(second, second))
    assert [item["value"] for item in series("name=steady")[0]["points"]] == [2, 3, 4, 5, 6]
    for number in range(9):
        record(f"m{number}", "gauge", point(number))
    record("steady", "gauge", point(7, 7))
    record("m9", "gauge", point(9))
    assert {found["name"] for found in series()} == {"steady"} | {f"m{number}" for number in range(1, 10)}
    counts = client.get("/api/telemetry").get_json()["metrics"]
    assert (counts["series"], counts["points"], counts["receivedPoints"]) == (10, 14, 18)
    assert (counts["droppedPoints"], counts["droppedSeries"]) == (4, 1)


def test_points_limits_each_series_to_its_latest(client, record, series):
    counter = {"aggregationTemporality": 2, "isMonotonic": True}
    for second in range(3):
        record("placed", "sum", point(second, second, {"item": "1"}), point(10 * second, second, {"item": "2"}), **counter)
        record("placed", "sum", point(100 * second, second, {"item": "1"}), service="orders-too", **counter)
    found = series("name=placed&points=1")
    assert [len(item["points"]) for item in found] == [1, 1, 1]
    assert sum(item["points"][0]["value"] for item in found if item["attributes"].items() >= {"item": "1"}.items()) == 202
    assert [[shown["value"] for shown in item["points"]] for item in series("points=2")] == [[1, 2], [10, 20], [100, 200]]
    assert [len(item["points"]) for item in series("points=99")] == [3, 3, 3]
    assert [len(item["points"]) for item in series("points=0")] == [0, 0, 0]
    response = client.get("/api/metrics?points=all")
    assert (response.status_code, "points" in response.get_json()["detail"]) == (400, True)


@pytest.mark.parametrize(("temporality", "last"), [(2, 9), (1, 5)], ids=["cumulative", "delta"])
def test_what_was_counted_before_the_points_were_deleted_began_at_an_unknown_time(client, record, series, temporality, last):
    record("shop.errors", "sum", point(4, 5), aggregationTemporality=temporality, isMonotonic=True)
    client.delete("/api/telemetry")
    begin = {"startTimeUnixNano": str(START_NS + (5 * 10**9 if temporality == 1 else 0))}
    record("shop.errors", "sum", point(last, 9, **begin), aggregationTemporality=temporality, isMonotonic=True)

    (found,) = series()
    before, after = found["points"]
    assert before["startTime"] == before["time"] == START_NS // 1_000 + 5_000_000
    assert (before["value"], after["value"]) == (4, 9)


def test_large_points_drop_least_recently_updated_series(record, stores):
    for number in range(10):
        record(f"shop.large-{number}", "gauge", point(asDouble=1, attributes={"text": "x" * 20_000}))
    record("shop.small", "gauge", *[point(asDouble=1, at_s=second) for second in range(9)])

    counts = stores.metrics.counts()
    assert counts["droppedSeries"] > 5
    assert 20_000 < counts["bytes"] <= counts["maxBytes"] == 100_000
    for _ in range(10):
        record("shop.large-10", "gauge", point(asDouble=1, attributes={"text": "x" * 90_000}))
    assert stores.metrics.counts()["series"] <= 1
