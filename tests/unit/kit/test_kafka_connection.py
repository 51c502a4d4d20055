"""Every client of Kafka connects alike."""

import pytest

from vshop.kit.kafka_connection import connection
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
def test_a_login_goes_with_the_address(given, expected):
    """Names and values are librdkafka's."""
    assert connection(Settings(kafka_properties=given)) == {"bootstrap.servers": "127.0.0.1:9092", **GIVES_UP} | expected
