"""Slow clients with TLS. The tests of the incidents cover plain HTTP."""

import time

import boto3
import pytest
from moto import mock_aws

from stock_updater.fault_mechanisms import SlowClients

DELAY_S = 0.3


@pytest.fixture
def make_client(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return lambda endpoint: boto3.client("dynamodb", endpoint_url=endpoint or None)


@pytest.mark.parametrize("endpoint", ["", "https://dynamodb.eu-central-1.amazonaws.com"])
def test_each_tls_response_is_delayed(endpoint, make_client):
    """Without a proxy, which could not present the server's certificate. The client is made once."""
    with mock_aws():
        slow_clients = SlowClients(endpoint, make_client)
        client = slow_clients.client(DELAY_S)
        started = time.monotonic()
        assert client.list_tables()["TableNames"] == []
        took_s = time.monotonic() - started

        assert ".amazonaws.com" in client.meta.endpoint_url
        assert took_s >= DELAY_S
        assert slow_clients.client(DELAY_S) is client
