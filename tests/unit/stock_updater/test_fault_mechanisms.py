"""Slow clients with TLS, without a proxy, and a slow client's proxy."""

import socket
import time
from urllib.parse import urlsplit

import boto3
import pytest
from moto import mock_aws

from stock_updater.fault_mechanisms import slow_client

DELAY_S = 0.3


@pytest.mark.parametrize("endpoint", ["", "https://dynamodb.eu-central-1.amazonaws.com"])
def test_each_tls_response_is_delayed(endpoint, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = slow_client(endpoint, lambda url: boto3.client("dynamodb", endpoint_url=url or None), DELAY_S)
        started = time.monotonic()
        assert client.list_tables()["TableNames"] == []
        took_s = time.monotonic() - started

        assert ".amazonaws.com" in client.meta.endpoint_url
        assert took_s >= DELAY_S


def test_a_response_over_http_is_delayed_by_a_proxy_on_the_network():
    """Code of the service does not sleep: a span of the HTTP request takes as long as that of the call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxied = slow_client(f"http://127.0.0.1:{server.getsockname()[1]}", lambda url: url, DELAY_S)
        with socket.create_connection(("127.0.0.1", urlsplit(proxied).port)) as client:
            accepted, _ = server.accept()
            client.sendall(b"request")
            assert accepted.recv(100) == b"request"
            started = time.monotonic()
            accepted.sendall(b"response")
            assert client.recv(100) == b"response"
            assert time.monotonic() - started >= DELAY_S - 0.05
            accepted.close()
