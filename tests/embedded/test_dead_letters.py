import json
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from confluent_kafka import Producer

from vshop.shop.client import ShopError

TOPIC = "queuing.retail_site.new_orders"
Headers = dict[str, Any]
Letter = dict[str, Any]


def order(item_id: int = 1, **changes: Any) -> dict[str, Any]:
    made = {
        "schemaVersion": 1,
        "orderId": secrets.token_hex(8),
        "itemId": item_id,
        "username": "auth0|5ba1a9227dc7232e1aec4fd0",
        "quantity": 1,
        "discountCode": None,
        "placedAt": "2026-01-01T00:00:00.000Z",
    }
    return {name: value for name, value in (made | changes).items() if value != "left out"}


def text(item_id: int = 1, **changes: Any) -> bytes:
    return json.dumps(order(item_id, **changes)).encode()


BAD: dict[str, tuple[bytes | None, str]] = {
    "not JSON": (b"hello", "InvalidRecordError"),
    "truncated": (text()[:40], "InvalidRecordError"),
    "a list": (b"[1, 2]", "InvalidRecordError"),
    "a field missing": (text(orderId="left out"), "InvalidRecordError"),
    "a field of a wrong type": (text(quantity="two"), "InvalidRecordError"),
    "a negative quantity": (text(quantity=-5), "InvalidRecordError"),
    "a version from the future": (text(schemaVersion=2), "InvalidRecordError"),
    "null": (None, "InvalidRecordError"),
    "empty": (b"", "InvalidRecordError"),
    "not UTF-8": (b'{"orderId": "\xff\xfe"}', "InvalidRecordError"),
    "nested without end": (b"[" * 100_000, "InvalidRecordError"),
    "as large as Kafka takes": (b"x" * 1_048_000, "InvalidRecordError"),
    "an unknown item": (text(item_id=4242), "UnknownItemError"),
}


@pytest.fixture
def put(shop) -> Callable[..., str]:
    producer = Producer({"bootstrap.servers": shop.addresses["kafka"], "message.max.bytes": 2_000_000, "log_level": 0})

    def produce(value: bytes | None, key: bytes | None = b"1", **headers: Any) -> str:
        trace_id = secrets.token_hex(16)
        carried = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01", **headers}
        problems: list[object] = []
        producer.produce(TOPIC, value, key, headers=list(carried.items()), on_delivery=lambda error, _: problems.append(error))
        assert producer.flush(20) == 0
        assert problems == [None]
        return trace_id

    return produce


@pytest.fixture
def letter_of(client, eventually) -> Callable[[str], Letter]:
    def find(trace_id: str) -> Letter:
        (found,) = eventually(lambda: [letter for letter in client.dead_letters() if letter["traceId"] == trace_id])
        return client.dead_letter(found["id"])

    return find


@pytest.mark.parametrize("what", BAD)
def test_a_bad_record_is_dead_lettered_and_the_next_order_handled(what, put, letter_of, client, reader, ordered):
    value, error = BAD[what]
    before = client.item(1)["ordered"]
    trace_id = put(value, colour="blue")
    letter = letter_of(trace_id)
    assert (letter["errorType"], letter["topic"], letter["key"], letter["handled"]) == (error, TOPIC, "1", False)
    assert letter["value"] == (None if value is None else value.decode(errors="backslashreplace"))
    assert letter["headers"]["colour"] == "blue"
    assert letter["headers"]["dlq.traceparent"].split("-")[1] == trace_id
    assert letter["errorMessage"].splitlines()[0] in letter["headers"]["dlq.error.stacktrace"]
    trace = reader.wait(trace_id, lambda found: len(found.find(name=f"send {TOPIC}.dlq")) == 1, timeout_s=30)
    (taken,) = trace.find(kind="CONSUMER")
    assert (taken.status, taken.attributes["error.type"]) == ("ERROR", error)
    assert [event.attributes["exception.type"].rsplit(".", 1)[-1] for event in taken.exceptions] == [error]
    assert [letter["offset"], str(letter["partition"])] == [
        taken.attributes["messaging.kafka.offset"],
        taken.attributes["messaging.destination.partition.id"],
    ]
    ordered(1, 2)
    assert client.item(1)["ordered"] == before + 2


def test_a_good_order_without_a_key_is_handled(put, client, reader, eventually):
    before = client.item(1)["ordered"]
    trace_id = put(text(quantity=4), None)
    eventually(lambda: client.item(1)["ordered"] == before + 4)
    trace = reader.wait(trace_id, lambda found: found.find(kind="CONSUMER"), timeout_s=30)
    assert "messaging.kafka.message.key" not in trace.find(kind="CONSUMER")[0].attributes


@pytest.mark.parametrize("broken", ["garbage", "00-zz-zz-00", "", b"\xff\xfe", None])
def test_a_good_order_with_a_broken_traceparent_is_handled_in_a_new_trace(put, client, reader, eventually, broken):
    order_id, before = secrets.token_hex(8), client.item(2)["ordered"]
    put(text(2, orderId=order_id), traceparent=broken)
    eventually(lambda: client.item(2)["ordered"] == before + 1)
    (trace_id,) = eventually(lambda: reader.of_order(order_id))
    assert reader.get(trace_id).roots[0].parent_id is None


@pytest.mark.parametrize("broken", ["garbage", "00-zz-zz-00", b"\xff\xfe"])
def test_a_bad_record_with_a_broken_traceparent_leads_to_the_trace_that_found_it(put, client, reader, eventually, broken):
    mark = secrets.token_hex(8)
    put(mark.encode(), traceparent=broken)
    (letter,) = eventually(lambda: [found for found in client.dead_letters() if found["value"] == mark])
    trace = reader.wait(letter["traceId"], lambda found: found.find(kind="CONSUMER"), timeout_s=30)
    assert trace.find(kind="CONSUMER")[0].attributes["shop.kafka.value"] == mark
    kept = broken if isinstance(broken, str) else "\\xff\\xfe"
    assert client.dead_letter(letter["id"])["headers"]["dlq.traceparent"] == kept


@pytest.fixture
def missing_item(shop, client) -> Iterator[Callable[[], None]]:
    table = boto3.client(
        "dynamodb",
        endpoint_url=shop.addresses["dynamodb"],
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    where = {"TableName": "item-stock", "Key": {"id": {"S": "8"}}}
    item = table.get_item(**where, ConsistentRead=True)["Item"]
    table.delete_item(**where)
    back = threading.Event()

    def put_back() -> None:
        if not back.is_set():
            back.set()
            table.put_item(TableName="item-stock", Item=item)

    yield put_back
    put_back()


def test_a_dead_lettered_order_is_replayed_in_its_own_trace_and_counts_once(missing_item, client, reader, letter_of, eventually):
    placed = client.place_order(8, 3)
    letter = letter_of(placed.trace_id)
    assert (letter["errorType"], letter["handled"]) == ("UnknownItemError", False)
    missing_item()
    before = client.item(8)
    answers: list[dict[str, Any]] = []
    twice = [threading.Thread(target=lambda: answers.append(client.replay(letter["id"]))) for _ in range(2)]
    for thread in twice:
        thread.start()
    for thread in twice:
        thread.join()
    assert [answer["id"] for answer in answers] == [letter["id"]] * 2
    sent = sum(answer["replayed"] for answer in answers)
    assert sent >= 1

    def outcomes() -> list[str]:
        taken = reader.get(placed.trace_id).find(kind="CONSUMER", name=f"process {TOPIC}")
        return sorted(span.attributes["shop.order.outcome"] for span in taken if "shop.order.outcome" in span.attributes)

    eventually(lambda: len(outcomes()) == sent)
    assert outcomes() == ["applied", *["duplicate"] * (sent - 1)]
    assert client.replay(letter["id"]) == {"id": letter["id"], "replayed": False, "partition": None, "offset": None}
    after = client.item(8)
    assert (before["stock"] - after["stock"], after["ordered"] - before["ordered"]) == (3, 3)
    assert client.dead_letter(letter["id"])["handled"] is True


def test_what_can_never_be_handled_is_not_replayed(put, letter_of, client):
    letter = letter_of(put(b"hello"))
    with pytest.raises(ShopError, match="This can never be handled: the record is no order") as caught:
        client.replay(letter["id"])
    assert caught.value.status == 422
    for letter_id in ("0-999999", "nonsense"):
        with pytest.raises(ShopError, match="There is no dead letter") as caught:
            client.replay(letter_id)
        assert caught.value.status == 404
