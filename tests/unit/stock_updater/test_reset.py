import pytest
from confluent_kafka import KafkaError, KafkaException

from stock_updater.app import create_app


class Counted:
    def __init__(self):
        self.done = []

    def restock(self):
        self.done.append("stock")
        return 2

    def remove_all(self):
        self.done.append("letters")
        return 1


class FakeLag:
    def __init__(self, waiting):
        self.waiting = waiting

    def wait_processed(self, offsets, _deadline):
        assert offsets is None, "everything on the topic counts"
        if isinstance(self.waiting, Exception):
            raise self.waiting
        return self.waiting


@pytest.fixture
def counted():
    return Counted()


def reset(counted, waiting, **options):
    return create_app(counted, counted, FakeLag(waiting), {}).test_client().post("/reset", **options)


def test_stock_is_reset_before_the_dead_letters(counted):
    assert reset(counted, 0).get_json() == {"items": 2, "deadLetters": 1}
    assert counted.done == ["stock", "letters"]


def test_unprocessed_orders_prevent_the_reset(counted):
    """They would be taken from the new stock."""
    refused = reset(counted, 3)

    assert (refused.status_code, refused.get_json()["waiting"]) == (409, 3)
    assert refused.get_json()["detail"].startswith("3 orders on the topic were not handled within 10 s")
    assert counted.done == []


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (KafkaError(KafkaError._TRANSPORT), "Local: Broker transport failure"),
        ("nothing read within 5 s", "nothing read within 5 s"),
    ],
)
def test_a_failed_reset_names_the_hop(counted, cause, said):
    refused = reset(counted, KafkaException(cause))

    assert (refused.status_code, refused.get_json()["hop"]) == (503, "kafka")
    assert refused.get_json()["detail"] == f"Kafka did not answer: {said}"
    assert counted.done == []


def test_a_cross_origin_request_cannot_reset(counted):
    assert reset(counted, 0, headers={"Origin": "http://evil.example"}).status_code == 403
    assert counted.done == []
