"""The DynamoDB table ``item-stock``: created and filled when it is not there, read and written one item at a time."""

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

from stock_updater.item import StockItem
from stock_updater.sabotage import Detour, Rival
from vshop.kit.chaos import NO_CHAOS, Switches
from vshop.kit.items import ITEMS
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class _WholeNumbers(TypeDeserializer):  # type: ignore[misc]
    """Reads numbers as int: the table holds no other."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)


_serialize, _deserialize = TypeSerializer().serialize, _WholeNumbers().deserialize


class WriteRefusedError(Exception):
    """The conditional write was refused; ``current`` is the item as the table holds it, ``refusal`` what DynamoDB said."""

    def __init__(self, current: StockItem, refusal: ClientError) -> None:
        """Args: current: the item that the condition was checked against. refusal: botocore's exception."""
        super().__init__(f"item {current.id} is at version {current.version} with {current.stock} in stock")
        self.current = current
        self.refusal = refusal


class StockTable:
    """The table, through one thread-safe client."""

    def __init__(self, settings: Settings, chaos: Switches = NO_CHAOS) -> None:
        """Make the client; nothing connects yet. Credentials and region are AWS's own ``AWS_*`` variables.

        Args:
            settings: ``dynamodb_endpoint`` and ``dynamodb_table`` are read.
            chaos: asked before each write.
        """
        self.name = settings.dynamodb_table
        self._chaos = chaos
        self._client = _client(settings.dynamodb_endpoint)
        self._rival = Rival(self._client, self.name)
        self._detour = Detour(settings.dynamodb_endpoint, _client)

    def ensure(self, stop: threading.Event) -> None:
        """Create and fill the table unless it is there; tries until DynamoDB answers or ``stop`` is set. Leaves no spans."""
        while not stop.is_set():
            try:
                with suppress_instrumentation():
                    self._create()
            except (BotoCoreError, ClientError) as error:
                log.info("waiting for DynamoDB: %s", error)
                stop.wait(0.2)
            else:
                return

    def _create(self) -> None:
        with contextlib.suppress(self._client.exceptions.ResourceInUseException):  # it is there
            self._client.create_table(
                TableName=self.name,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self._client.get_waiter("table_exists").wait(TableName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        for item in ITEMS.values():
            fresh = StockItem(id=str(item.id), name=item.name, stock=item.stock)
            try:
                self._client.put_item(TableName=self.name, Item=_attributes(fresh), ConditionExpression="attribute_not_exists(id)")
            except self._client.exceptions.ConditionalCheckFailedException:
                continue  # another replica, or an earlier life, put it there

    def get(self, item_id: str) -> StockItem | None:
        """Read one item, strongly consistent; None when there is none.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: DynamoDB refused or did not answer.
        """
        key = {"id": {"S": item_id}}
        found = self._read(lambda: self._client.get_item(TableName=self.name, Key=key, ConsistentRead=True)).get("Item")
        return None if found is None else _item(found)

    def put(self, item: StockItem, *, seen: StockItem) -> None:
        """Write the whole item, if it is still as it was seen and its stock suffices.

        Args:
            item: the item to write.
            seen: the item it was made from.

        Raises:
            WriteRefusedError: another writer was faster, or the stock does not suffice.
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: DynamoDB refused or did not answer.
        """
        request = {
            "TableName": self.name,
            "Item": _attributes(item),
            "ConditionExpression": "version = :seen AND stock >= :taken",
            "ExpressionAttributeValues": {":seen": {"N": str(seen.version)}, ":taken": {"N": str(seen.stock - item.stock)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        write = self._sabotaged(int(item.id), request)
        try:
            write(**request)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            if "Item" not in error.response:
                raise  # there is no such item any more
            raise WriteRefusedError(_item(error.response["Item"]), error) from error

    def _sabotaged(self, item_id: int, request: dict[str, Any]) -> Callable[..., Any]:
        """Return what sends the write; the chaos sites of the write all stand here, each spoils one thing about it."""
        client = self._client
        if self._chaos.on("stock-put-missing-key", item=item_id):
            del request["Item"]["id"]
        if self._chaos.on("stock-table-missing", item=item_id):
            request["TableName"] = f"{self.name}-archive"
        if self._chaos.on("stock-conditional-check-failed", item=item_id):
            self._rival.write(str(item_id))
        if self._chaos.on("stock-slow-write", item=item_id):
            client = self._detour.client(delay_s=1.3)
        if self._chaos.on("stock-slow-but-healthy", item=item_id):
            client = self._detour.client(delay_s=0.4)
        if self._chaos.on("stock-update-wrong-parameters", item=item_id):
            return cast("Callable[..., Any]", client.update_item)
        return cast("Callable[..., Any]", client.put_item)

    def all(self) -> list[StockItem]:
        """Read every item, in the order of their numbers."""
        scan = self._client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        found = self._read(lambda: [_item(attributes) for page in scan for attributes in page["Items"]])
        return sorted(found, key=lambda item: int(item.id))

    def fill_up(self) -> int:
        """Give every item its initial stock again. What it has seen it keeps, or a record that comes again would count twice.

        Leaves no spans.

        Returns:
            How many items were not as they were in the beginning.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: DynamoDB refused or did not answer.
        """
        with suppress_instrumentation():
            return sum(self._fill_up(item) for item in self.all())

    def _fill_up(self, item: StockItem) -> bool:
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
            current = self.get(item.id)  # an order came in between
            return current is not None and self._fill_up(current)
        return True

    def check(self) -> str:
        """Read the table's description: a readiness check; raises what botocore raises. Leaves no span."""
        with suppress_instrumentation():
            table = self._read(lambda: self._client.describe_table(TableName=self.name))["Table"]
        return f"table {self.name} is {table['TableStatus']}"

    def _read(self, read: Callable[[], _Answer]) -> _Answer:
        """Read; from a new table when it is gone, as after a DynamoDB that keeps its tables in memory was killed."""
        try:
            return read()
        except self._client.exceptions.ResourceNotFoundException:
            log.exception("table %s is gone: it is made anew, with the stock of the beginning", self.name)
            with suppress_instrumentation():
                self._create()
            return read()


def _client(endpoint: str) -> Any:
    patience = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    return boto3.client("dynamodb", endpoint_url=endpoint or None, config=patience)


def _attributes(item: StockItem) -> dict[str, Any]:
    """Write an item as DynamoDB takes it; its order ids as one text (docs/adr/0006-order-ids-in-one-attribute.md)."""
    plain = msgspec.to_builtins(item) | {"recent": " ".join(item.recent)}
    return {name: _serialize(value) for name, value in plain.items()}


def _item(attributes: dict[str, Any]) -> StockItem:
    plain = {name: _deserialize(value) for name, value in attributes.items()}
    return msgspec.convert(plain | {"recent": plain["recent"].split()}, StockItem)
