from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from stock_updater.item import StockItem, TablePosition
from stock_updater.table import WriteRefusedError
from vshop.kit.kafka.record import Record
from vshop.kit.order import NewOrder

TOPIC = "queuing.retail_site.new_orders"


class FakeTable:
    name = "item-stock"

    def __init__(self, *items: StockItem) -> None:
        self.items = {item.id: item for item in items}
        self.before_put: list[Callable[[], None]] = []
        self.writes = self.retries = 0
        self.positions: dict[int, TablePosition] = {}

    def read_position(self, partition: int) -> TablePosition | None:
        return self.positions.get(partition)

    def has_order_of(self, partition: int) -> bool:
        return any(key.partition("@")[0] == str(partition) for item in self.items.values() for key in item.applied)

    def write_position(self, partition: int, position: TablePosition, *, seen: TablePosition | None) -> bool:
        is_same = self.positions.get(partition) == seen
        if is_same:
            self.positions[partition] = position
        return is_same

    def get(self, item_id: str) -> StockItem | None:
        return self.items.get(item_id)

    def all(self) -> list[StockItem]:
        return list(self.items.values())

    def put(self, item: StockItem, *, seen: StockItem) -> None:
        if self.before_put:
            self.before_put.pop(0)()
        current = self.items[item.id]
        if current.version != seen.version or current.stock < seen.stock - item.stock:
            raise WriteRefusedError(current, dynamodb_error("ConditionalCheckFailedException", retries=self.retries))
        self.items[item.id] = item
        self.writes += 1


def dynamodb_error(code: str, status: int = 400, retries: int = 0) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": retries}}
    return ClientError(answer, "PutItem")


@pytest.fixture
def refusal() -> Callable[..., ClientError]:
    return dynamodb_error


@pytest.fixture
def make_order() -> Callable[..., NewOrder]:

    def make(order_id: str = "o1", quantity: int = 1, item_id: int = 1) -> NewOrder:
        return NewOrder(order_id=order_id, item_id=item_id, username="ada", quantity=quantity, placed_at="2026-01-01T00:00:00.000Z")

    return make


@pytest.fixture
def make_record(make_order: Callable[..., NewOrder]) -> Callable[..., Record]:
    def make(offset: int = 0, value: bytes | None = b"an order", headers: list[tuple[str, bytes]] | None = None) -> Record:
        content = make_order(f"o{offset}").encode() if value == b"an order" else value
        return Record(TOPIC, 0, offset, b"1", content, headers or [], 0)

    return make


@pytest.fixture
def table() -> FakeTable:
    return FakeTable(StockItem(id="1", name="Backpack", stock=10))
