import logging
import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from vshop.kit.kafka import connection
from vshop.kit.kafka.connection import broker_address, client_properties, ensure_topics
from vshop.kit.settings import Settings

GIVES_UP = {"socket.timeout.ms": "6000", "socket.connection.setup.timeout.ms": "5000"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", {}),
        ("security.protocol=SASL_SSL, sasl.username=ada", {"security.protocol": "SASL_SSL", "sasl.username": "ada"}),
        ("sasl.password=a%2Cb=c", {"sasl.password": "a,b=c"}),
    ],
)
def test_kafka_properties_are_added_to_the_address(given, expected):
    assert client_properties(Settings(kafka_properties=given)) == {"bootstrap.servers": "127.0.0.1:9092", **GIVES_UP} | expected


@pytest.mark.parametrize(
    ("bootstrap", "address", "port"),
    [
        ("kafka:19092", "kafka", 19092),
        ("kafka-0.kafka:9093,kafka-1.kafka:9094", "kafka-0.kafka", 9093),
        (" 10.0.0.1", "10.0.0.1", 9092),
        ("SASL_SSL://b-1.example:9096", "b-1.example", 9096),
        ("[::1]:1234", "::1", 1234),
    ],
)
def test_spans_name_the_first_bootstrap_server(bootstrap, address, port):
    assert broker_address(Settings(kafka_bootstrap=bootstrap)) == {"server.address": address, "server.port": port}


def test_kafka_properties_replace_the_bootstrap_server():
    settings = Settings(kafka_properties="bootstrap.servers=other:7")

    assert broker_address(settings) == {"server.address": "other", "server.port": 7}


@pytest.mark.parametrize("bootstrap", ["", ":9092", "kafka:", "a:b:c"])
def test_an_address_that_cannot_be_parsed_is_left_out(bootstrap):
    assert broker_address(Settings(kafka_bootstrap=bootstrap)) == {}


class RefusingBroker:
    refusals = 2

    def __init__(self, code):
        self.code = code

    def create_topics(self, topics, **_options):
        return {topic.topic: self for topic in topics}

    def result(self):
        if self.refusals:
            self.refusals -= 1
            raise KafkaException(KafkaError(self.code))


@pytest.mark.parametrize(
    ("code", "starting_s", "level"),
    [
        (KafkaError.INVALID_REPLICATION_FACTOR, 10.0, logging.INFO),  # Kafka's answer before its only broker has registered
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, 0.0, logging.WARNING),
        (KafkaError._ALL_BROKERS_DOWN, 0.0, logging.INFO),
    ],
)
def test_only_a_lasting_refusal_is_a_warning(monkeypatch, caplog, code, starting_s, level):
    """A refusal by a broker that starts is not, and neither is a broker that does not answer yet."""
    monkeypatch.setattr(connection, "AdminClient", lambda _: RefusingBroker(code))
    monkeypatch.setattr(connection, "_STARTING_S", starting_s)
    caplog.set_level(logging.INFO)

    ensure_topics(Settings(), threading.Event())

    assert [record.levelno for record in caplog.records] == [level]
