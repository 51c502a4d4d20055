"""Slow clients. The tests of the incidents cover embedded DynamoDB."""

import time

import boto3
import pytest
from moto import mock_aws

from stock_updater.fault_mechanisms import delay_responses

DELAY_S = 0.3


@pytest.mark.parametrize("endpoint", [None, "https://dynamodb.eu-central-1.amazonaws.com"])
def test_each_response_is_delayed(endpoint, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = delay_responses(boto3.client("dynamodb", endpoint_url=endpoint), DELAY_S)
        started = time.monotonic()
        assert client.list_tables()["TableNames"] == []
        took_s = time.monotonic() - started

        assert ".amazonaws.com" in client.meta.endpoint_url
        assert took_s >= DELAY_S
