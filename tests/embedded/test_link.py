import pytest

from vshop.shop.addresses import find
from vshop.shop.client import Placed, ShopClient
from vshop.shop.traces import Trace, TraceReader, missing_hop


@pytest.fixture(scope="module")
def linked(beside) -> ShopClient:
    own = beside("orders", "stock-updater", SHOP_KAFKA_TRACE="link")
    return ShopClient(find(own.state.home, {}))


@pytest.fixture(scope="module")
def placed(linked: ShopClient, client: ShopClient) -> Placed:
    return linked.place_order(3, 2, token=client.token(), headers={"baggage": "visit=42"})


@pytest.fixture(scope="module")
def both(placed: Placed, reader: TraceReader) -> list[Trace]:
    reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=30)
    ids = [placed.trace_id, *(found for found in reader.of_order(placed.order_id) if found != placed.trace_id)]
    return [reader.get(trace_id) for trace_id in ids]


def shape(trace: Trace) -> list[tuple[int, str, str, str]]:
    return [(depth, span.service, span.kind, span.name) for depth, span in trace.walk()]


def test_an_order_is_two_traces(both: list[Trace]):
    topic = next(span for span in both[0].spans if span.kind == "PRODUCER").attributes["messaging.destination.name"]
    assert [shape(trace) for trace in both] == [
        [
            (0, "orders", "SERVER", "POST /orders"),
            (1, "orders", "CLIENT", "GET"),
            (2, "auth-stub", "SERVER", "GET /api/v2/users/<user_id>"),
            (1, "orders", "PRODUCER", f"send {topic}"),
        ],
        [
            (0, "stock-updater", "CONSUMER", f"process {topic}"),
            (1, "stock-updater", "CLIENT", "DynamoDB.GetItem"),
            (1, "stock-updater", "CLIENT", "DynamoDB.PutItem"),
        ],
    ]


def test_one_link_leads_from_the_processing_to_the_sending(both: list[Trace]):
    (sent,) = both[0].find(kind="PRODUCER")
    (taken,) = both[1].find(kind="CONSUMER")
    assert (taken.parent_id, taken.links) == (None, [(sent.trace_id, sent.span_id)])
    assert [span.links for trace in both for span in trace.spans if span is not taken] == [[]] * 6


def test_jaegers_json_shows_the_link_as_a_reference(both: list[Trace], observatory):
    (sent,) = both[0].find(kind="PRODUCER")
    references = [span["references"] for span in observatory.trace(both[1].trace_id)["spans"] if "process" in span["operationName"]]
    assert references == [[{"refType": "FOLLOWS_FROM", "traceID": sent.trace_id, "spanID": sent.span_id}]]


def test_baggage_crosses_even_though_the_trace_does_not(both: list[Trace]):
    (taken,) = both[1].find(kind="CONSUMER")
    assert '"baggage": "visit=42"' in taken.attributes["shop.kafka.headers"]


def test_a_reader_of_the_order_finds_both(placed: Placed, reader: TraceReader):
    assert str(missing_hop(reader.get(placed.trace_id))).startswith("stock-updater CONSUMER process ")
    whole = reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=30)
    assert len(whole.spans) == 7
