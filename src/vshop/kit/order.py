"""The order on the wire: the body of ``POST /orders``, and the record that stock-updater reads."""

import uuid
from typing import Annotated

import msgspec
from msgspec import Meta

SCHEMA_VERSION = 1
MAX_QUANTITY = 1000

OrderId = Annotated[
    str, Meta(max_length=64, pattern=r"^[!-~]+\Z", description="Without spaces: an item stores its recent ids in one string.")
]
ItemId = Annotated[
    int, Meta(ge=0, le=2**53, description="The item's number; the record's key and the table's `id` are its digits.")
]
Username = Annotated[str, Meta(min_length=1, max_length=128, description="The shopper's Auth0 user id.")]
DiscountCode = Annotated[str, Meta(min_length=1, max_length=32)]
Quantity = Annotated[int, Meta(ge=1, le=MAX_QUANTITY)]


class InvalidRecordError(ValueError):
    """The record is not an order: not JSON, a field is missing or wrong, or the schemaVersion is unknown."""


class OrderRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The body of ``POST /orders``."""

    item_id: ItemId
    username: Username
    quantity: Quantity
    discount_code: DiscountCode | None = None


class NewOrder(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The value of a record of a new order.

    ``placed_at`` is RFC 3339 in UTC. Unknown fields are ignored, so that a producer may be newer than its consumers.
    """

    schema_version: int = SCHEMA_VERSION
    order_id: OrderId
    item_id: ItemId
    username: Username
    quantity: Quantity
    discount_code: DiscountCode | None = None
    placed_at: str

    @property
    def key(self) -> bytes:
        """The record's key: all orders for an item go to one partition."""
        return str(self.item_id).encode()

    def encode(self) -> bytes:
        """Return the record's value as JSON."""
        return msgspec.json.encode(self)


_request = msgspec.json.Decoder(OrderRequest)
_record = msgspec.json.Decoder(NewOrder)


def decode_request(body: bytes) -> OrderRequest:
    """Decode the body. Raises msgspec's ValidationError, which names the field, or DecodeError."""
    return _request.decode(body)


def decode_record(value: bytes | None) -> NewOrder:
    """Decode a record's value, or raise InvalidRecordError: a retry cannot help."""
    try:
        order = _record.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRecordError(f"the record is no order: {error}") from error
    if order.schema_version != SCHEMA_VERSION:
        raise InvalidRecordError(f"schemaVersion {order.schema_version} is not known here, only {SCHEMA_VERSION}")
    return order


def make_order_id(order: OrderRequest, idempotency_key: str | None) -> str:
    """Return a UUID derived from order and key, so that a client's retry is the same order; random without a key.

    The order is part of it because two shoppers may use the same key.
    """
    if idempotency_key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{msgspec.json.encode(order).decode()}\n{idempotency_key}"))
