"""The stock begins anew when every order is handled, and not before."""

import threading

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from stock_updater.app import create_app
from stock_updater.fresh_start import FreshStart, StillToHandleError
from vshop.kit.kafka_sender import Sender
from vshop.kit.payloads import Payloads
from vshop.kit.settings import Settings


class Counted:
    """A table and a dead-letter topic that count."""

    def __init__(self):
        self.done = []

    def fill_up(self):
        """Fill the stock up."""
        self.done.append("stock")
        return 2

    def remove_all(self):
        """Remove the letters."""
        self.done.append("letters")
        return 1


@pytest.fixture
def counted():
    """What is reset."""
    return Counted()


@pytest.fixture
def settings(broker, request):
    """A topic and a group of this test's own, with three orders on the topic."""
    name = request.node.name.replace("[", "-").replace("]", "")
    settings = Settings(kafka_bootstrap=broker, kafka_topic=name, kafka_group=name)
    sender = Sender(settings, Payloads(settings), "tests")
    places = [sender.send(name, b"an order", b"1") for _ in range(3)]
    sender.close()
    assert [place.offset for place in places] == [0, 1, 2]
    return settings


@pytest.fixture
def make(settings, counted):
    """Begin anew, knowing what is handled next."""

    def begin(next_offsets, patience_s=0.1):
        return FreshStart(settings, counted, counted, next_offsets, threading.Event()).make(patience_s)

    return begin


def partition_of(settings):
    """Tell where the three orders lie: the mock broker's choice for their key."""
    asker = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": "asker"})
    topic = settings.kafka_topic
    marks = {p: asker.get_watermark_offsets(TopicPartition(topic, p)) for p in asker.list_topics(topic).topics[topic].partitions}
    asker.close()
    return next(number for number, (_, high) in marks.items() if high == 3)


def test_all_is_handled(settings, make, counted):
    """First the stock, then the letters."""
    here = partition_of(settings)

    assert make(lambda: {here: 3}) == {"items": 2, "deadLetters": 1}
    assert counted.done == ["stock", "letters"]


@pytest.mark.parametrize(("handled", "waiting"), [(None, 3), (1, 2)])
def test_orders_wait_and_nothing_is_reset(settings, make, counted, handled, waiting):
    """They would be taken from the new stock."""
    here = partition_of(settings)

    with pytest.raises(StillToHandleError, match=f"^{waiting} orders on the topic were not handled") as refused:
        make(lambda: {here: handled})

    assert refused.value.count == waiting
    assert counted.done == []


def test_orders_that_are_handled_meanwhile_are_waited_for(settings, make, counted):
    """Here one each time it is looked."""
    here, steps = partition_of(settings), iter([1, 2, 3])

    make(lambda: {here: next(steps)}, patience_s=10)

    assert counted.done == ["stock", "letters"]


def test_of_another_replicas_partitions_the_groups_commits_tell(settings, make, counted):
    """This process is assigned none."""
    here = partition_of(settings)
    other = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": settings.kafka_group})
    other.commit(offsets=[TopicPartition(settings.kafka_topic, here, 3)], asynchronous=False)
    other.close()

    make(dict)

    assert counted.done == ["stock", "letters"]


class Refusing:
    """Cannot begin anew."""

    def __init__(self, error):
        self.error = error

    def make(self, _patience_s):
        """Refuse."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(StillToHandleError(3, 10), 409, "3 orders on the topic"), (KafkaException("gone"), 503, "Kafka did not answer")],
)
def test_over_http_a_refusal_says_why(error, status, said):
    """And what stands in the way."""
    answer = create_app(None, None, Refusing(error), {}).test_client().post("/reset")

    assert (answer.status_code, answer.get_json()["detail"][: len(said)]) == (status, said)


def test_no_page_from_elsewhere_resets():
    """A browser names the page that asks."""
    client = create_app(None, None, Refusing(AssertionError("it was let through")), {}).test_client()

    assert client.post("/reset", headers={"Origin": "http://evil.example"}).status_code == 403
