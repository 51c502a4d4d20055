import json

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from observatory.ingest.otlp_json import read_json

START_NS = 1_790_000_000_000_000_000
DELTA, CUMULATIVE = 1, 2


@pytest.fixture(params=["json", "protobuf"])
def record(request, client):
    def send(*points, name="shop.orders.placed", kind="sum", service="orders", temporality=DELTA, **data):
        owner = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
        more = {"isMonotonic": True} if kind == "sum" else {}
        metric = {"name": name, kind: {"dataPoints": list(points), "aggregationTemporality": temporality} | more | data}
        sent = {"resourceMetrics": [{"resource": owner, "scopeMetrics": [{"scope": {"name": "app"}, "metrics": [metric]}]}]}
        body, media_type = json.dumps(sent).encode(), "application/json"
        if request.param == "protobuf":
            body, media_type = read_json(body, ExportMetricsServiceRequest)[0].SerializeToString(), "application/x-protobuf"
        assert client.post("/v1/metrics", data=body, content_type=media_type).status_code == 200

    return send


@pytest.fixture
def series(client):
    return lambda query="": client.get(f"/api/metrics?{query}").get_json()["series"]


@pytest.fixture
def values(series):
    def read(query=""):
        (found,) = series(query)
        return [shown["value"] for shown in found["points"]]

    return read


def window(begin_s, end_s, value=None, **more):
    made = {"timeUnixNano": str(START_NS + end_s * 10**9), "attributes": []}
    if begin_s is not None:
        made["startTimeUnixNano"] = str(START_NS + begin_s * 10**9)
    return made | ({} if value is None else {"asDouble" if isinstance(value, float) else "asInt": value}) | more


def buckets(begin_s, end_s, *counts, bounds=(0.1, 1.0), **more):
    return window(begin_s, end_s, count=sum(counts), bucketCounts=list(counts), explicitBounds=list(bounds), **more)


def test_deltas_are_summed_into_one_cumulative_series(record, series):
    for second, value in enumerate((5, 5, 5, 1)):
        record(window(second, second + 1, value))

    (found,) = series()
    assert (found["temporality"], found["monotonic"], found["service"]) == ("cumulative", True, "orders")
    assert [point["value"] for point in found["points"]] == [5, 10, 15, 16]
    assert {point["startTime"] for point in found["points"]} == {START_NS // 1_000}
    assert [point["time"] - START_NS // 1_000 for point in found["points"]] == [1e6, 2e6, 3e6, 4e6]


def test_series_of_services_and_attributes_are_summed_apart(record, values):
    """A foreign service's counter stays visible under its own name."""
    attribute = [{"key": "shop.item.id", "value": {"intValue": "1"}}]
    for second in range(2):
        record(window(second, second + 1, 5))
        record(window(second, second + 1, 7), service="foreign")
        record(window(second, second + 1, 1, attributes=attribute), name="shop.items.ordered")

    assert values("service=orders&name=shop.orders.placed") == [5, 10]
    assert values("service=foreign") == [7, 14]
    assert values("name=shop.items.ordered") == [1, 2]


def test_time_without_a_delta_counts_as_zero(record, values):
    """SDKs send nothing for an interval without measurements, and after a restart they begin later."""
    record(window(0, 1, 5))
    record(window(7, 8, 2))
    assert values() == [5, 7]


def test_a_repeated_delta_counts_once(client, record, values):
    """An exporter sends a request again if it got no response."""
    for _ in range(2):
        record(window(0, 1, 5))
    record(window(1, 2, 1))
    assert values() == [5, 6]
    counts = client.get("/api/telemetry").get_json()["metrics"]
    assert (counts["receivedPoints"], counts["droppedPoints"], counts["points"]) == (3, 1, 2)


@pytest.mark.parametrize("overlapping", [(0, 2), (1, 4), (-1, 1), (0, 4), (1, 3)])
def test_an_overlapping_delta_is_dropped(record, values, overlapping):
    record(window(0, 1, 5), window(1, 3, 5))
    record(window(*overlapping, 7))
    assert values() == [5, 10]


def test_a_late_delta_is_added_to_the_latest_point(record, series):
    for begin_s in (0, 2, 1, -1):
        record(window(begin_s, begin_s + 1, 10 ** (begin_s + 1)))

    (found,) = series()
    assert [point["value"] for point in found["points"]] == [10, 1111]
    assert found["points"][-1]["time"] == START_NS // 1_000 + 3_000_000
    assert found["points"][-1]["startTime"] == START_NS // 1_000 - 1_000_000


def test_deltas_without_a_start_time_are_summed(record, values):
    for end_s in (1, 2, 2, 1, 3):
        record(window(None, end_s, 5))
    assert values() == [5, 10, 15]


def test_a_point_without_a_recorded_value_changes_nothing(record, values, series):
    record(window(0, 1, flags=1))
    assert series()[0]["points"] == []
    record(window(1, 2, 5))
    record(window(2, 3, flags=1))
    assert values() == [5]


def test_integers_floats_and_numbers_that_are_too_large(record, values):
    """A sum of integers that no longer fits starts again, as after a restart."""
    record(window(0, 1, 1), window(1, 2, 0.5), window(2, 3, 2))
    assert values() == [1, 1.5, 3.5]
    record(window(0, 1, 2**62), window(1, 2, 2**62), window(2, 3, 1), service="foreign")
    assert values("service=foreign") == [2**62, 2**62, 2**62 + 1]


def test_histograms_add_counts_sums_buckets_and_extremes(record, series):
    exemplar = {"timeUnixNano": str(START_NS), "asDouble": 0.3, "traceId": "5b8efff798038103d269b633813fc60c"}
    record(buckets(0, 1, 1, 2, 0, sum=1.5, min=0.05, max=0.9), name="duration", kind="histogram")
    record(buckets(1, 2, 0, 1, 1, sum=2.5, min=0.2, max=2.0, exemplars=[exemplar]), name="duration", kind="histogram")

    (found,) = series()
    first, latest = found["points"]
    assert found["temporality"] == "cumulative"
    assert (latest["count"], latest["sum"], latest["min"], latest["max"]) == (5, 4.0, 0.05, 2.0)
    assert latest["buckets"] == {"bounds": [0.1, 1.0], "counts": [1, 3, 1]}
    assert (first["exemplars"], [one["value"] for one in latest["exemplars"]]) == ([], [0.3])


def test_a_histogram_with_other_buckets_starts_again(record, series):
    record(buckets(0, 1, 1, 2, 0), name="duration", kind="histogram")
    record(buckets(1, 2, 4, 4, bounds=(1.0,)), name="duration", kind="histogram")
    record(buckets(2, 3, 1, 0, bounds=(1.0,)), name="duration", kind="histogram")

    shown = [(point["count"], point["startTime"] - START_NS // 1_000) for point in series()[0]["points"]]
    assert shown == [(3, 0), (8, 1_000_000), (9, 1_000_000)]


def test_exponential_histograms_are_stored_as_they_are_sent(record, series):
    sent = {"scale": 1, "zeroCount": "1", "positive": {"offset": -1, "bucketCounts": ["1"]}, "count": "2"}
    for second in range(2):
        record(window(second, second + 1, **sent), name="exp", kind="exponentialHistogram")

    (found,) = series()
    assert (found["temporality"], [point["count"] for point in found["points"]]) == ("delta", [2, 2])


def test_cumulative_points_are_stored_as_they_are_sent(record, values):
    for second, value in enumerate((5, 10, 2)):
        record(window(0, second + 1, value), temporality=CUMULATIVE)
    assert values() == [5, 10, 2]


def test_a_clear_keeps_the_sum(client, record, values):
    record(window(0, 1, 5), window(1, 2, 5))
    client.delete("/api/telemetry")
    record(window(2, 3, 1))
    assert values() == [10, 11]


def test_bytes_are_counted_exactly(client, record, stores):
    for second in (0, 2, 1, 1, *range(3, 12)):
        record(window(second, second + 1, 2**second))
    held = [raw for _, points in stores.metrics.series() for raw in points]
    described = len("shop.orders.placed")
    assert stores.metrics.counts()["points"] == len(held) == 5
    origin = next(series.key.scope for series, _ in stores.metrics.series())
    assert stores.metrics.counts()["bytes"] == sum(map(len, held)) + described + len(origin.raw) + len(origin.resource.raw)


@pytest.fixture
def measured(client):
    def run(temporality, service):
        reader = InMemoryMetricReader(preferred_temporality=dict.fromkeys((Counter, Histogram), temporality))
        provider = MeterProvider([reader], resource=Resource({"service.name": service}), shutdown_on_exit=False)
        meter = provider.get_meter("app")
        counter, histogram = meter.create_counter("placed"), meter.create_histogram("duration")
        for amounts in ((5, 5), (), (5,), (1,)):
            for item, amount in enumerate(amounts):
                counter.add(amount, {"item": item})
                histogram.record(amount / 10)
            exported = reader.get_metrics_data()
            if exported is not None:
                sent = encode_metrics(exported).SerializeToString()
                assert client.post("/v1/metrics", data=sent, content_type="application/x-protobuf").status_code == 200
        provider.shutdown()
        found = client.get(f"/api/metrics?service={service}").get_json()["series"]
        return {(one["name"], str(one["attributes"])): _total(one["points"][-1]) for one in found}

    return run


def _total(point):
    return point.get("value", (point.get("count"), point.get("sum"), point.get("min"), point.get("max"), point.get("buckets")))


def test_a_real_sdk_has_the_same_totals_in_both_temporalities(measured):
    delta = measured(AggregationTemporality.DELTA, "with-deltas")
    assert delta == measured(AggregationTemporality.CUMULATIVE, "with-totals")
    assert delta["placed", "{'item': 0}"] == 11
