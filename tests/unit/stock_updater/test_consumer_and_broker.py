"""The same against Kafka's protocol: what the library itself does at hand-over is seen only there."""

import threading

import pytest
from botocore.exceptions import EndpointConnectionError
from confluent_kafka import Consumer, TopicPartition

from stock_updater.consumer import OrderConsumer, StockMetrics
from stock_updater.item import OrderOutcome, TablePosition
from stock_updater.lag import ConsumerLag
from stock_updater.membership import Membership
from stock_updater.positions import Positions
from vshop.kit.kafka.processing import Processing
from vshop.kit.kafka.sender import Sender
from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads


class StockThatGoesAway:
    def __init__(self, stop):
        self.stop = stop
        self.seen = []

    def apply(self, order, position, **_more):
        self.seen.append((order.order_id, position.offset))
        if order.order_id == "o1":
            return OrderOutcome.APPLIED
        self.stop.set()
        raise EndpointConnectionError(endpoint_url="http://dynamodb")


@pytest.fixture
def settings(broker):
    return Settings(kafka_bootstrap=broker, kafka_topic="lifetimes", kafka_group="lifetimes")


def test_a_record_in_progress_at_the_stop_is_redelivered(settings, table, make_order):
    payloads = Payloads(settings)
    sender = Sender(settings, payloads, "tests")
    for order_id in ("o1", "o2", "o3"):
        place = sender.send(settings.kafka_topic, make_order(order_id).encode(), b"1")
    sender.close()
    stop = threading.Event()
    stock = StockThatGoesAway(stop)
    lag = ConsumerLag(settings, stop)
    positions = Positions(table, lambda: "topic-1")
    membership = Membership(settings, positions, lag, stop)
    consumer = OrderConsumer(
        settings, Processing(settings, payloads), stock, None, StockMetrics(), lag, positions, membership, stop
    )

    consumer.run()

    assert stock.seen == [("o1", 0), ("o2", 1)]
    observer = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": settings.kafka_group})
    (committed,) = observer.committed([TopicPartition(settings.kafka_topic, place.partition)], timeout=5)
    observer.close()
    assert committed.offset == 1
    assert table.positions[place.partition] == TablePosition("topic-1", "", 1)


def test_the_readiness_check_fails_before_the_consumer_has_joined_its_group(settings, table):
    stop = threading.Event()
    waiting = Membership(settings, Positions(table, lambda: ""), ConsumerLag(settings, stop), stop)

    with pytest.raises(LookupError):
        waiting.check()
