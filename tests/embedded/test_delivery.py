"""Kafka and the table go back in time, each without the other. Every accepted order still counts once."""

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
import requests
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.embedded.test_health import frozen
from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader

pytestmark = pytest.mark.slow

TOPIC = "queuing.retail_site.new_orders"
TABLE, GROUP = "item-stock", "stock-updater"


@pytest.fixture
def client(breakable: Shop) -> ShopClient:
    return ShopClient(find(breakable.state.home, {}))


@pytest.fixture
def dynamodb(breakable: Shop) -> Any:
    keys = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "embedded")
    return boto3.client("dynamodb", endpoint_url=breakable.addresses["dynamodb"], region_name="us-east-1", **keys)


class Orders:
    def __init__(self, client: ShopClient) -> None:
        self.client = client
        self.wanted = self.read()
        self.traces: list[str] = []

    def read(self) -> Counter[int]:
        return Counter({item["id"]: item["ordered"] for item in self.client.stock()})

    def place(self, *items: int) -> None:
        for item in items:
            placed = self.client.place_order(item)
            assert placed.accepted
            self.traces.append(placed.trace_id)
            self.wanted[item] += 1

    def all_count(self) -> bool:
        return self.read() == self.wanted


def kill_stock_updater(shop: Shop) -> None:
    process = psutil.Process(shop.state.processes["stock-updater"].pid)
    os.kill(process.pid, signal.SIGKILL)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.wait(10)


def log_of(shop: Shop) -> str:
    return Path(shop.state.home, "logs", "stock-updater.log").read_text()


def recreate_topic(shop: Shop, partitions: int) -> None:
    admin = AdminClient({"bootstrap.servers": shop.addresses["kafka"], "log_level": 0})
    admin.delete_topics([TOPIC])[TOPIC].result(30)

    def is_created() -> bool:
        with contextlib.suppress(KafkaException):  # the broker still deletes the old one
            admin.create_topics([NewTopic(TOPIC, partitions, 1)])[TOPIC].result(30)
        return TOPIC in admin.list_topics(timeout=10).topics

    while not is_created():
        pass


@pytest.mark.timeout(240)
def test_orders_that_a_restored_table_lacks_are_applied_again(
    breakable: Shop, client: ShopClient, dynamodb: Any, eventually: Callable[..., None]
) -> None:
    """The committed offset is ahead of the table, as after a restore. Orders that the table has get no second span."""
    orders = Orders(client)
    orders.place(1, 2)
    eventually(orders.all_count, 30)
    breakable.restart("stock-updater")  # it stores its position
    old = {item["id"]["S"]: item for item in dynamodb.scan(TableName=TABLE)["Items"]}
    orders.place(1, 2, 3, 1)
    eventually(orders.all_count, 30)
    reader = TraceReader(find(breakable.state.home, {}).traces)

    def processings() -> int:
        return [span.name for span in reader.get(orders.traces[-3]).spans].count(f"process {TOPIC}")

    eventually(lambda: processings() == 1, 30)
    kill_stock_updater(breakable)
    for key in ("1", *(key for key in old if key.startswith("position-"))):
        dynamodb.put_item(TableName=TABLE, Item=old[key])

    breakable.restart("stock-updater")

    eventually(orders.all_count, 30)
    assert client.dead_letters() == []
    assert log_of(breakable).count("the table lacks it") == 2
    assert processings() == 1


def read_offsets(items: list[dict[str, Any]]) -> int:
    return sum(int(item["offset"]["N"]) for item in items if item["id"]["S"].startswith("position-"))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("how", ["running", "away"])
def test_a_lost_table_gets_all_orders_again(
    breakable: Shop, client: ShopClient, dynamodb: Any, eventually: Callable[..., None], how: str
) -> None:
    recreate_topic(breakable, 4)  # the shop may have been reset since the first record of the old one
    breakable.restart("orders")
    orders = Orders(client)
    before = orders.read()
    orders.place(1, 2, 3, 4)
    eventually(orders.all_count, 30)
    if how == "away":
        kill_stock_updater(breakable)
    dynamodb.delete_table(TableName=TABLE)
    if how == "away":
        breakable.restart("stock-updater")
    orders.wanted -= before
    orders.place(1, 2)

    eventually(lambda: +orders.read() == orders.wanted, 60)
    assert "the table was lost" in log_of(breakable)


@pytest.mark.timeout(240)
def test_a_table_that_is_restored_while_it_is_read_gets_its_orders_again(
    breakable: Shop, client: ShopClient, dynamodb: Any, eventually: Callable[..., None]
) -> None:
    """No order comes in afterwards which could show that the table is older."""
    orders = Orders(client)
    orders.place(1, 2, 3, 4)
    eventually(orders.all_count, 30)
    breakable.restart("stock-updater")  # it stores its position
    backup = dynamodb.scan(TableName=TABLE)["Items"]
    orders.place(1, 2, 3, 1)
    eventually(lambda: read_offsets(dynamodb.scan(TableName=TABLE)["Items"]) == read_offsets(backup) + 4, 30)

    for item in backup:
        dynamodb.put_item(TableName=TABLE, Item=item)

    eventually(orders.all_count, 60)
    assert client.dead_letters() == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("how", "partitions"), [("running", 6), ("away", 4)])
def test_a_topic_that_was_created_again_starts_anew(
    breakable: Shop, client: ShopClient, eventually: Callable[..., None], how: str, partitions: int
) -> None:
    """Its offsets and leader epochs start again below those in the items and the clients, and its orders are no duplicates."""
    breakable.restart("kafka")  # each partition gets another leader epoch
    orders = Orders(client)
    orders.place(1, 2, 3, 4, 1, 2)
    eventually(orders.all_count, 30)
    if how == "away":
        kill_stock_updater(breakable)

    recreate_topic(breakable, partitions)
    if how == "away":
        breakable.restart("stock-updater")
    breakable.restart("orders")  # its producer knows the old topic
    orders.place(1, 2, 3, 4)

    eventually(orders.all_count, 60)
    assert "was created again" in log_of(breakable)
    assert client.dead_letters() == []
    breakable.restart("stock-updater")
    orders.place(1, 3)
    eventually(orders.all_count, 30)


def moves_group(shop: Shop, where: str) -> bool:
    servers: dict[str, Any] = {"bootstrap.servers": shop.addresses["kafka"], "log_level": 0}
    admin = AdminClient(servers)
    tool = Consumer({**servers, "group.id": GROUP, "enable.auto.commit": False})
    offset = {"earliest": 0, "beyond the end": 10_000}.get(where)
    try:
        if offset is None:
            admin.delete_consumer_groups([GROUP])[GROUP].result(30)
        else:
            tool.commit(offsets=[TopicPartition(TOPIC, number, offset) for number in range(4)], asynchronous=False)
    except KafkaException:
        return False
    finally:
        tool.close()
    return True


@pytest.mark.timeout(300)
def test_an_admin_tool_that_moves_the_group_loses_and_doubles_no_order(
    breakable: Shop, client: ShopClient, eventually: Callable[..., None]
) -> None:
    """Orders come in meanwhile, which a group that was moved to the end would skip."""
    orders = Orders(client)
    for where in ("beyond the end", "earliest", "deleted"):
        orders.place(1, 2, 3, 4)
        kill_stock_updater(breakable)
        orders.place(1, 2)
        eventually(lambda where=where: moves_group(breakable, where), 60)
        breakable.restart("stock-updater")
        orders.place(3, 4)
        eventually(orders.all_count, 60)
    assert client.dead_letters() == []


def test_a_position_is_no_item_and_makes_no_trace(breakable: Shop, client: ShopClient, dynamodb: Any) -> None:
    client.place_order(1)
    breakable.restart("stock-updater")

    keys = {item["id"]["S"] for item in dynamodb.scan(TableName=TABLE)["Items"]}
    assert {"position-0", "position-1", "position-2", "position-3"} <= keys
    assert all(isinstance(item["id"], int) for item in client.stock())
    client.flush()
    query = {"service": "stock-updater", "limit": "1000"}
    traces = requests.get(f"{breakable.addresses['observatory']}/api/traces", query, timeout=30).json()["data"]
    # Not a whole trace of DynamoDB alone: a kill -9 by an earlier test can lose the request's span that is above one.
    roots = {span["operationName"] for trace in traces for span in trace["spans"] if not span["references"]}
    assert [name for name in roots if name.startswith("DynamoDB.")] == []


def test_a_retry_counts_once_across_a_restart_of_orders(
    breakable: Shop, client: ShopClient, eventually: Callable[..., None]
) -> None:
    """Orders forgets its answers; the order id, made from order and key, stays the same."""
    orders, key = Orders(client), {"Idempotency-Key": "across a restart"}
    first = client.place_order(5, headers=key)
    breakable.restart("orders")
    again = client.place_order(5, headers=key)
    orders.wanted[5] += 1
    orders.place(5)  # handled after both

    assert (first.accepted, again.accepted, first.order_id == again.order_id) == (True, True, True)
    eventually(orders.all_count, 30)


def test_orders_count_once_after_dynamodb_was_paused(breakable: Shop, client: ShopClient, eventually: Callable[..., Any]):
    """Beyond the client's time-outs: it sends writes again that the server has read already."""
    before = sum(item["ordered"] for item in client.stock())
    with frozen(breakable, "dynamodb"):
        placed = [client.place_order(item).accepted for item in range(8)]
        eventually(lambda: " 2 tries" in requests.get(f"{breakable.addresses['stock-updater']}/readyz", timeout=30).text)

    eventually(lambda: sum(item["ordered"] for item in client.stock()) == before + len(placed))
    assert (all(placed), client.dead_letters()) == (True, [])


def test_a_retry_counts_once_after_kafka_was_paused(breakable: Shop, client: ShopClient, eventually: Callable[..., Any]):
    """The 503 says that Kafka may have the order, and it has: the broker reads it when it continues."""
    key = {"Idempotency-Key": "while Kafka was paused"}
    before = client.item(4)["ordered"]
    with frozen(breakable, "kafka"):
        unsure = client.place_order(4, headers=key)
    assert (unsure.status, unsure.body["hop"]) == (503, "kafka")
    assert "Kafka may have it" in unsure.body["detail"]

    again = eventually(lambda: (placed := client.place_order(4, headers=key)).accepted and placed)
    assert again.order_id == unsure.body["orderId"]
    after = {"Idempotency-Key": "after Kafka was paused"}
    last = eventually(lambda: (placed := client.place_order(4, headers=after)).accepted and placed)
    eventually(lambda: client.item(4)["recent"][-1:] == [last.order_id])
    assert client.item(4)["ordered"] == before + 2
