"""Transactional producers leave control records on the shop's topics, which no consumer is given. Nothing waits for them."""

import pytest
from confluent_kafka import Producer

from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def end_transactions(shop: Shop, topic: str, partitions: int) -> None:
    producer = Producer({"bootstrap.servers": shop.addresses["kafka"], "transactional.id": f"test-{topic}", "linger.ms": 0})
    producer.init_transactions(30)
    for commits in (True, False):
        producer.begin_transaction()
        for partition in range(partitions if not commits else 1):
            producer.produce(topic, b"no order", partition=partition)
        producer.flush(30)
        producer.commit_transaction(30) if commits else producer.abort_transaction(30)


def test_control_records_stall_neither_lag_nor_dead_letters_nor_reset(shop: Shop, beside, eventually):
    mine = beside("auth-stub", "orders", "stock-updater")
    client = ShopClient(find(mine.state.home, {}))
    topic = mine.state.options.env["SHOP_KAFKA_TOPIC"]
    assert client.place_order(1).accepted
    eventually(lambda: client.item(1)["ordered"] == 1)

    end_transactions(shop, topic, 4)
    (letter,) = eventually(client.dead_letters)
    assert letter["errorType"].endswith("InvalidRecordError")
    end_transactions(shop, f"{topic}.dlq", 1)

    flushed = client.flush(["stock-updater"], within_s=10)
    assert "unprocessed" not in flushed.reason
    assert [one["id"] for one in client.dead_letters()][:1] == [letter["id"]]
    assert client.place_order(2).accepted
    eventually(lambda: client.item(2)["ordered"] == 1)
    client.reset_stock()
    assert client.dead_letters() == []
    assert client.item(1)["ordered"] == 0
