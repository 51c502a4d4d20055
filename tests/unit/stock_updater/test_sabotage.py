"""A slow way to a DynamoDB by TLS; by plain HTTP the incidents themselves are the test."""

import time

import boto3
import pytest
from moto import mock_aws

from stock_updater.sabotage import Detour

DELAY_S = 0.3


@pytest.fixture
def make_client(monkeypatch):
    """Make a client for an address, as the table does."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return lambda endpoint: boto3.client("dynamodb", endpoint_url=endpoint or None)


@pytest.mark.parametrize("endpoint", ["", "https://dynamodb.eu-central-1.amazonaws.com"])
def test_each_answer_by_tls_is_late(endpoint, make_client):
    """No proxy stands in between, whose certificate would not be the server's; the client is made once."""
    with mock_aws():
        detour = Detour(endpoint, make_client)
        client = detour.client(DELAY_S)
        started = time.monotonic()
        assert client.list_tables()["TableNames"] == []
        took_s = time.monotonic() - started

        assert ".amazonaws.com" in client.meta.endpoint_url
        assert took_s >= DELAY_S
        assert detour.client(DELAY_S) is client
