"""Saves moto's tables to a file and puts them back: what lives in memory outlives its process."""

import http
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# moto reads service and region from the header's shape and checks no signature.
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "Authorization": (
        "AWS4-HMAC-SHA256 Credential=embedded/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none"
    ),
}
_BATCH = 25  # the most BatchWriteItem takes
_DEFINITION = ("TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")


class TablesError(Exception):
    """The tables could not be saved or put back; the text says why."""


class Tables:
    """All tables of one moto, through DynamoDB's API but without a socket: nobody else needs to be let in for it."""

    def __init__(self, moto: "WSGIApplication") -> None:
        """Args: moto: its DynamoDB application."""
        self._client = Client(moto)

    def save(self, file: Path) -> int:
        """Write every table, with its items, to a file.

        Args:
            file: replaced whole or not at all.

        Returns:
            The number of items.

        Raises:
            TablesError: moto refuses.
            OSError: the file cannot be written.
        """
        tables = []
        for name in self._call("ListTables")["TableNames"]:
            table = self._call("DescribeTable", TableName=name)["Table"]
            definition = {key: table[key] for key in _DEFINITION if table.get(key)}
            tables.append({"definition": definition, "items": self._scan(name)})
        part = file.with_suffix(".partial")
        part.write_text(json.dumps(tables, indent=1))
        part.replace(file)
        return sum(len(table["items"]) for table in tables)

    def _scan(self, table: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            page = self._call("Scan", TableName=table, ConsistentRead=True, **more)
            items += page["Items"]
            if not page.get("LastEvaluatedKey"):
                return items
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def restore(self, file: Path) -> int:
        """Make the saved tables anew, in a moto that has none.

        Args:
            file: what ``save`` wrote.

        Returns:
            The number of items.

        Raises:
            TablesError: the file cannot be read, or moto refuses what it holds.
        """
        try:
            tables = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise TablesError(
                f"The saved stock in {file} cannot be read: {error}. Remove the file, or start without keeping."
            ) from error
        for table in tables:
            name = table["definition"]["TableName"]
            self._call("CreateTable", **table["definition"], BillingMode="PAY_PER_REQUEST")
            items = table["items"]
            for start in range(0, len(items), _BATCH):
                puts = [{"PutRequest": {"Item": item}} for item in items[start : start + _BATCH]]
                self._call("BatchWriteItem", RequestItems={name: puts})
        return sum(len(table["items"]) for table in tables)

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        headers = _HEADERS | {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        answer = self._client.post("/", data=json.dumps(request), headers=headers)
        if answer.status_code != http.HTTPStatus.OK:
            raise TablesError(f"{operation} was answered with HTTP {answer.status_code}: {answer.get_data(as_text=True)[:500]}")
        answered: dict[str, Any] = json.loads(answer.get_data())
        return answered
