"""The DynamoDB table ``item-stock``."""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

import boto3
import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from opentelemetry.instrumentation.utils import suppress_instrumentation

from stock_updater.fault_mechanisms import slow_client, write_as_competitor
from stock_updater.item import StockItem, TablePosition
from vshop.kit.chaos.switches import NO_CHAOS, Switches
from vshop.kit.demo_data import ITEMS
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)
_POSITION = "position-"
"""Keys of the table's positions."""
_Answer = TypeVar("_Answer")


class _WholeNumbers(TypeDeserializer):  # type: ignore[misc]
    def _deserialize_n(self, value: str) -> int:
        return int(value)


_serialize, _deserialize = TypeSerializer().serialize, _WholeNumbers().deserialize


class WriteRefusedError(Exception):
    """The conditional write was refused. ``current`` is the item now, ``refusal`` botocore's exception."""

    def __init__(self, current: StockItem, refusal: ClientError) -> None:
        super().__init__(f"item {current.id} is at version {current.version} with {current.stock} in stock")
        self.current = current
        self.refusal = refusal
        # botocore sends a write again whose response was lost, and the second one may meet the first.
        self.is_repeated = refusal.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0


class StockTable:
    """The table, through one thread-safe client. Methods raise botocore's exceptions."""

    def __init__(self, settings: Settings, chaos: Switches = NO_CHAOS) -> None:
        """The client connects on first use, with credentials and region of the ``AWS_*`` variables."""
        self.name = settings.dynamodb_table
        self._created = False  # or found
        self._creating = threading.RLock()
        self._creations = 0
        self._chaos = chaos
        self._endpoint = settings.dynamodb_endpoint
        self._client = _client(self._endpoint)

    def ensure(self, stop: threading.Event) -> None:
        """Create and fill the table if it is missing, without spans. Retries until DynamoDB answers or ``stop`` is set."""
        while not stop.is_set():
            try:
                self._create()
            except (BotoCoreError, ClientError) as error:
                log.info("waiting for DynamoDB: %s", error)
                stop.wait(0.2)
            else:
                return

    def _create(self) -> None:
        known = self._client.exceptions
        with self._creating, suppress_instrumentation():
            with contextlib.suppress(known.ResourceInUseException):  # the table exists
                self._client.create_table(
                    TableName=self.name,
                    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                    BillingMode="PAY_PER_REQUEST",
                )
            self._client.get_waiter("table_exists").wait(TableName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
            for item in ITEMS.values():
                initial = _attributes(StockItem(id=str(item.id), name=item.name, stock=item.stock))
                with contextlib.suppress(known.ConditionalCheckFailedException):  # another replica or an earlier start wrote it
                    self._client.put_item(TableName=self.name, Item=initial, ConditionExpression="attribute_not_exists(id)")
            self._creations += 1
        self._created = True

    def get(self, item_id: str) -> StockItem | None:
        """Read one item with strong consistency, or None."""
        creations, found = self._creations, self._get(item_id)
        if found is None:
            with self._creating:  # another thread may be filling the table, which it has just created
                found = self._get(item_id) if self._creations != creations else None
        return None if found is None else _item(found)

    def _get(self, key: str) -> Any:
        request = {"TableName": self.name, "Key": {"id": {"S": key}}, "ConsistentRead": True}
        return self._read(lambda: self._client.get_item(**request)).get("Item")

    def put(self, item: StockItem, *, seen: StockItem) -> None:
        """Write the item if its version is still that of ``seen``, and the stock is large enough. Raises WriteRefusedError."""
        request = {
            "TableName": self.name,
            "Item": _attributes(item),
            "ConditionExpression": "version = :seen AND stock >= :taken",
            "ExpressionAttributeValues": {":seen": {"N": str(seen.version)}, ":taken": {"N": str(seen.stock - item.stock)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        write = self._inject_faults(int(item.id), request)
        try:
            write(**request)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            if "Item" not in error.response:
                raise  # the item was deleted
            raise WriteRefusedError(_item(error.response["Item"]), error) from error

    def _inject_faults(self, item_id: int, request: dict[str, Any]) -> Callable[..., Any]:
        """Each incident changes the request or the client."""
        client = self._client
        if self._chaos.on("stock-put-missing-key", item=item_id):
            del request["Item"]["id"]
        if self._chaos.on("stock-table-missing", item=item_id):
            request["TableName"] = f"{self.name}-archive"
        if self._chaos.on("stock-conditional-check-failed", item=item_id):
            write_as_competitor(client, self.name, str(item_id))
        if self._chaos.on("stock-slow-write", item=item_id):
            client = slow_client(self._endpoint, _client, delay_s=1.3)
        if self._chaos.on("stock-slow-but-healthy", item=item_id):
            client = slow_client(self._endpoint, _client, delay_s=0.4)
        if self._chaos.on("stock-update-wrong-parameters", item=item_id):
            return cast("Callable[..., Any]", client.update_item)
        return cast("Callable[..., Any]", client.put_item)

    def all(self) -> list[StockItem]:
        """Read all items, sorted by number."""
        scan = self._client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        found = self._read(
            lambda: [
                _item(attributes)
                for page in scan
                for attributes in page["Items"]
                if not attributes["id"]["S"].startswith(_POSITION)
            ]
        )
        return sorted(found, key=lambda item: int(item.id))

    def read_position(self, partition: int) -> TablePosition | None:
        """Return the table's position, without spans, or None."""
        with suppress_instrumentation():
            found = self._get(f"{_POSITION}{partition}")
        if found is None:
            return None
        plain = {name: _deserialize(value) for name, value in found.items()}
        return TablePosition(plain["topicId"], plain["logId"], plain["offset"])

    def has_order_of(self, partition: int) -> bool:
        """Return whether an item includes an order of a partition, without spans."""
        with suppress_instrumentation():
            return any(key.partition("@")[0] == str(partition) for item in self.all() for key in item.applied)

    def write_position(self, partition: int, position: TablePosition, *, seen: TablePosition | None) -> bool:
        """Store a position, without spans, if it is still ``seen``; return whether it was.

        If not, the table was rolled back, or another consumer has the partition.
        """
        plain = {"id": f"{_POSITION}{partition}", "topicId": position.topic_id, "logId": position.log_id, "offset": position.offset}
        request: dict[str, Any] = {"TableName": self.name, "Item": {name: _serialize(value) for name, value in plain.items()}}
        if seen is None:
            request["ConditionExpression"] = "attribute_not_exists(id)"
        else:
            request |= {
                "ConditionExpression": "#offset = :seen AND logId = :log",
                "ExpressionAttributeNames": {"#offset": "offset"},
                "ExpressionAttributeValues": {":seen": {"N": str(seen.offset)}, ":log": {"S": seen.log_id}},
            }
        with suppress_instrumentation():
            try:
                self._client.put_item(**request)
            except self._client.exceptions.ConditionalCheckFailedException:
                return self.read_position(partition) == position  # our own write, if its response was lost
        return True

    def restock(self) -> int:
        """Give every item its initial stock, without spans; return how many changed.

        They keep offsets and order ids, so that a redelivered record does not count twice.
        """
        with suppress_instrumentation():
            return sum(self._restock(item) for item in self.all())

    def _restock(self, item: StockItem) -> bool:
        initial = ITEMS[int(item.id)].stock if int(item.id) in ITEMS else item.stock + item.ordered
        if (item.stock, item.ordered) == (initial, 0):
            return False
        full = msgspec.structs.replace(item, stock=initial, ordered=0, version=item.version + 1)
        try:
            self._client.put_item(
                TableName=self.name,
                Item=_attributes(full),
                ConditionExpression="version = :seen",
                ExpressionAttributeValues={":seen": {"N": str(item.version)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            current = self.get(item.id)  # an order changed the item in between
            return current is not None and self._restock(current)
        return True

    def check(self) -> str:
        """Read the table's description, without spans: a readiness check. Raises LookupError before :meth:`ensure` is done."""
        if not self._created:
            raise LookupError(f"table {self.name} is not created yet")
        with suppress_instrumentation():
            table = self._read(lambda: self._client.describe_table(TableName=self.name))["Table"]
        return f"table {self.name} is {table['TableStatus']}"

    def _read(self, read: Callable[[], _Answer]) -> _Answer:
        """If the table is gone, create it first: a restarted in-memory DynamoDB has lost its tables."""
        if not self._created:
            self._create()  # a request that arrives before `ensure` has finished: no table was lost
        try:
            return read()
        except self._client.exceptions.ResourceNotFoundException:
            log.exception("table %s is gone: creating it again with the initial stock", self.name)
            self._create()
            return read()


def _client(endpoint: str) -> Any:
    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    return boto3.client("dynamodb", endpoint_url=endpoint or None, config=config)


def _attributes(item: StockItem) -> dict[str, Any]:
    plain = msgspec.to_builtins(item) | {"recent": " ".join(item.recent)}
    return {name: _serialize(value) for name, value in plain.items()}


def _item(attributes: dict[str, Any]) -> StockItem:
    plain = {name: _deserialize(value) for name, value in attributes.items()}
    return msgspec.convert(plain | {"recent": plain["recent"].split()}, StockItem)
