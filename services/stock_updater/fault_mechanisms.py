"""Causes of real failures: a competing writer, and a slow network to DynamoDB."""

import time
from typing import Any

from opentelemetry.instrumentation.utils import suppress_instrumentation


def write_as_competitor(client: Any, table: str, item_id: str) -> None:
    """Increment the item's version, without spans, as another program would: a write on the old one is refused."""
    with suppress_instrumentation():
        client.update_item(
            TableName=table,
            Key={"id": {"S": item_id}},
            UpdateExpression="ADD version :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )


def delay_responses(client: Any, delay_s: float) -> Any:
    """Delay each response below the client's API, as a slow network would, so that its span takes as long. Returns the client."""
    client.meta.events.register("response-received.dynamodb", lambda **_: time.sleep(delay_s))
    return client
