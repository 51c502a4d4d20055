"""Saves DynamoDB's tables to a file and puts them back, over plain HTTP: the shop's own little backup for ``keep``."""

import http.client
import json
from pathlib import Path
from typing import Any

from vshop.runtime.errors import StockError

# moto reads service and region from the header's shape and checks no signature.
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": (
        "AWS4-HMAC-SHA256 Credential=embedded/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none"
    ),
}
_BATCH = 25  # the most BatchWriteItem takes
_DEFINITION = ("TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")


def call(port: int, operation: str, **request: Any) -> dict[str, Any]:
    """Do one DynamoDB operation.

    Args:
        port: of the server, on loopback.
        operation: e.g. ``ListTables``.
        request: its parameters, as in the API.

    Returns:
        The answer.

    Raises:
        StockError: the server cannot be reached or refuses.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/", json.dumps(request), _HEADERS | {"X-Amz-Target": f"DynamoDB_20120810.{operation}"})
        answer = connection.getresponse()
        status, body = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise StockError(f"{operation} at 127.0.0.1:{port}: {type(error).__name__}: {error}. Is DynamoDB running?") from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise StockError(f"{operation} at 127.0.0.1:{port} answered HTTP {status}: {body.decode(errors='replace')[:500]}")
    answered: dict[str, Any] = json.loads(body)
    return answered


def save(port: int, file: Path) -> int:
    """Write every table, with its items, to a file.

    Args:
        port: of the server, on loopback.
        file: replaced whole or not at all.

    Returns:
        The number of items.

    Raises:
        StockError: the server cannot be reached or refuses.
    """
    tables = []
    for name in call(port, "ListTables")["TableNames"]:
        table = call(port, "DescribeTable", TableName=name)["Table"]
        definition = {key: table[key] for key in _DEFINITION if table.get(key)}
        tables.append({"definition": definition, "items": _scan(port, name)})
    part = file.with_suffix(".partial")
    part.write_text(json.dumps(tables, indent=1))
    part.replace(file)
    return sum(len(table["items"]) for table in tables)


def _scan(port: int, table: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        page = call(port, "Scan", TableName=table, ConsistentRead=True, **more)
        items += page["Items"]
        if not page.get("LastEvaluatedKey"):
            return items
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def restore(port: int, file: Path) -> int:
    """Make the saved tables anew.

    Args:
        port: of an empty server, on loopback.
        file: what ``save`` wrote.

    Returns:
        The number of items.

    Raises:
        StockError: the file cannot be read, or the server cannot be reached or refuses.
    """
    try:
        tables = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise StockError(
            f"The saved stock in {file} cannot be read: {error}. Remove the file, or start without keeping."
        ) from error
    for table in tables:
        name = table["definition"]["TableName"]
        call(port, "CreateTable", **table["definition"], BillingMode="PAY_PER_REQUEST")
        items = table["items"]
        for start in range(0, len(items), _BATCH):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + _BATCH]]
            call(port, "BatchWriteItem", RequestItems={name: puts})
    return sum(len(table["items"]) for table in tables)
