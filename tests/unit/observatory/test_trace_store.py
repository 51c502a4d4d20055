import json
import threading

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory.ingest.otlp_json import read_json
from observatory.store import TraceStore


@pytest.fixture
def request_of(batch):
    return lambda *spans, **owner: read_json(json.dumps(batch(*spans, **owner)).encode(), ExportTraceServiceRequest)[0]


def ids(store):
    return [int.from_bytes(trace.id, "big") for trace in store.traces()]


def test_too_many_spans_drop_whole_traces_oldest_first(request_of, span):
    store = TraceStore(max_spans=5, max_bytes=10**6)
    for trace, number in ((1, 1), (2, 2), (1, 3), (3, 4), (2, 5)):
        store.add(request_of(span(trace, number)))
    assert ids(store) == [1, 2, 3]
    store.add(request_of(span(3, 6)))
    assert ids(store) == [2, 3]
    counts = store.counts()
    assert tuple(counts[key] for key in ("spans", "traces", "receivedSpans", "droppedSpans", "droppedTraces")) == (4, 2, 6, 2, 1)


def test_too_many_bytes_drop_whole_traces_oldest_first(request_of, span):
    store = TraceStore(max_spans=100, max_bytes=3_000)
    for trace in range(1, 6):
        store.add(request_of(span(trace, attributes={"payload": "x" * 900})))
    assert ids(store) == [3, 4, 5]
    assert store.counts()["bytes"] <= 3_000


def test_trace_larger_than_the_store_is_dropped(request_of, span):
    store = TraceStore(max_spans=10, max_bytes=10**6)
    store.add(request_of(*(span(1, number) for number in range(1, 12))))
    assert (ids(store), store.counts()["droppedSpans"]) == ([], 11)


def test_dropped_traces_leave_no_services_or_operations(request_of, span):
    store = TraceStore(max_spans=1, max_bytes=10**6)
    store.add(request_of(span(1, name="old"), service="gone"))
    store.add(request_of(span(2, name="new"), service="stays"))
    assert (store.services(), store.operations("gone"), store.operations("stays")) == (["stays"], [], [("new", "internal")])
    assert store.counts_by_service() == {"stays": 1}
    assert store.trace((1).to_bytes(16, "big")) is None


def test_equal_resources_share_one_object(request_of, span):
    store = TraceStore(max_spans=100, max_bytes=10**6)
    for number in range(1, 4):
        store.add(request_of(span(1, number)))
    assert len({id(held.scope) for held in store.traces()[0].spans}) == 1


def test_concurrent_writers_and_readers_lose_no_span(request_of, span):
    store, writers, each = TraceStore(max_spans=10_000, max_bytes=10**8), 8, 50
    go, errors = threading.Barrier(writers + 1), []

    def write(writer):
        go.wait()
        for number in range(1, each + 1):
            store.add(request_of(span(number, writer * 1000 + number)))

    def read():
        go.wait()
        try:
            for _ in range(100):
                assert all(held.message().name == "work" for trace in store.traces() for held in list(trace.spans))
        except Exception as error:  # noqa: BLE001 - carried out of the thread
            errors.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(1, writers + 1)] + [threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert ([], writers * each, each) == (errors, store.counts()["spans"], store.counts()["traces"])
    assert writers * each == sum(len(trace.spans) for trace in store.traces())


@pytest.mark.parametrize(
    ("attributes", "service"),
    [
        ([], "missing-service-name"),
        ([{"key": "service.name", "value": {"stringValue": ""}}], "empty-service-name"),
        ([{"key": "service.name", "value": {"intValue": 1}}], "service-name-wrong-type"),
        ([{"key": "service.name", "value": {"stringValue": "a b"}}], "a b"),
    ],
)
def test_placeholders_for_missing_service_names(client, span, attributes, service):
    client.post(
        "/v1/traces", json={"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [span()]}]}]}
    )
    assert [service] == client.get("/api/services").get_json()["data"]


def test_bytes_of_resources_count_once(request_of, span):
    store = TraceStore(max_spans=100, max_bytes=10_000)
    for trace in range(1, 6):
        store.add(request_of(span(trace), span(trace, 2), service=f"{trace}" * 4_000))

    assert (ids(store), store.counts()["droppedTraces"]) == ([4, 5], 3)
    assert 8_000 < store.counts()["bytes"] < 10_000
    store.clear(0)
    assert store.counts()["bytes"] == 0


def test_indexed_links_are_limited(request_of, span):
    store = TraceStore(max_spans=100, max_bytes=10**6)
    store.add(request_of(span(1, links=[{}] * 1_000)))

    found = store.traces()[0].spans[0]
    assert (len(found.links), len(found.message().links)) == (128, 1_000)
