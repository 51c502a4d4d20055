import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from confluent_kafka import KafkaError, KafkaException

from stock_updater.app import create_app

AWAY = [
    ("/stock", "dynamodb", EndpointConnectionError(endpoint_url="http://dynamodb")),
    ("/stock/1", "dynamodb", ReadTimeoutError(endpoint_url="http://dynamodb")),
    ("/stock", "dynamodb", ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, "Scan")),
    ("/dlq", "kafka", KafkaException(KafkaError._ALL_BROKERS_DOWN)),
]


class Away:
    def __init__(self, error):
        self.error = error

    def all(self):
        raise self.error

    def get(self, _item_id):
        raise self.error


@pytest.mark.parametrize(("path", "hop", "error"), AWAY)
def test_an_unavailable_server_returns_503_with_its_hop(path, hop, error):
    answer = create_app(Away(error), Away(error), None, {}).test_client().get(path)

    assert (answer.status_code, answer.get_json()["hop"], answer.headers["Retry-After"]) == (503, hop, "5")
