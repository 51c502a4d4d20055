"""The same against Kafka's protocol: what the library itself does at hand-over is seen only there."""

import threading

import pytest
from botocore.exceptions import EndpointConnectionError
from confluent_kafka import Consumer, TopicPartition

from stock_updater.consumer import OrderConsumer
from stock_updater.item import Outcome
from stock_updater.lag import Lag
from stock_updater.measures import Measures
from vshop.kit.kafka_processing import Processing
from vshop.kit.kafka_sender import Sender
from vshop.kit.payloads import Payloads
from vshop.kit.settings import Settings


class StockThatGoesAway:
    """Applies the first order; at the second DynamoDB is away, and the process is told to stop."""

    def __init__(self, stop):
        self.stop = stop
        self.seen = []

    def apply(self, order, position, **_more):
        """Apply an order, or not."""
        self.seen.append((order.order_id, position.offset))
        if order.order_id == "o1":
            return Outcome.APPLIED
        self.stop.set()
        raise EndpointConnectionError(endpoint_url="http://dynamodb")


@pytest.fixture
def settings(broker):
    """A topic and a group of this test's own."""
    return Settings(kafka_bootstrap=broker, kafka_topic="lifetimes", kafka_group="lifetimes")


def test_a_record_in_hand_at_the_stop_is_delivered_again(settings, make_order):
    """The commit at hand-over covers what was handled, not what was read."""
    payloads = Payloads(settings)
    sender = Sender(settings, payloads, "tests")
    for order_id in ("o1", "o2", "o3"):
        place = sender.send(settings.kafka_topic, make_order(order_id).encode(), b"1")
    sender.close()
    stop = threading.Event()
    stock = StockThatGoesAway(stop)
    lag = Lag(settings)
    consumer = OrderConsumer(settings, Processing(settings, payloads), stock, None, Measures(), lag, stop)

    consumer.run()

    assert stock.seen == [("o1", 0), ("o2", 1)]
    observer = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": settings.kafka_group})
    (committed,) = observer.committed([TopicPartition(settings.kafka_topic, place.partition)], timeout=5)
    observer.close()
    assert committed.offset == 1
