"""The shop front's requests: what is sold, the stock as it is, and orders."""

from collections.abc import Callable, Collection
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from flask import Blueprint, Response, jsonify

from console.page import asked
from console.page.shopper import CODES, SHOPPERS, Till
from console.page.upstream import Upstream
from vshop.kit.items import ITEMS
from vshop.kit.problems import Problem
from vshop.kit.settings import Settings

Crowd = Callable[[int], list[Any]]


class _Wanted(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    item_id: int
    quantity: int = 1
    user: str
    discount_code: str | None = None
    chaos: str | None = None


class _Customers(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=30)] = 6


def blueprint(upstream: Upstream, till: Till, settings: Settings, per_order: Collection[str], crowd: Crowd) -> Blueprint:
    """Make ``/api/shop``.

    Args:
        upstream: where the stock is read.
        till: places orders.
        settings: hold where a person looks at a trace.
        per_order: ids of the incidents that one order alone can carry.
        crowd: lets a number of customers order.
    """
    api = Blueprint("shop", __name__)

    @api.get("/api/shop")
    def shop() -> dict[str, Any]:
        return {
            "items": [{"id": item.id, "name": item.name, "priceCents": item.price_cents} for item in ITEMS.values()],
            "shoppers": [{"id": one.id, "name": one.name} for one in SHOPPERS],
            "codes": list(CODES),
            "topic": settings.kafka_topic,
            "table": settings.dynamodb_table,
            "jaeger": _jaeger(settings),
        }

    @api.get("/api/shop/stock")
    def stock() -> Any:
        items = upstream.get("stock-updater", "/stock")["items"]
        return {"items": [{name: one.get(name) for name in ("id", "stock", "ordered")} for one in items]}

    @api.post("/api/shop/orders")
    def order() -> Response:
        wanted = asked.body(_Wanted)
        if wanted.user not in {one.id for one in SHOPPERS}:
            raise Problem(400, f"user: nobody of the name {wanted.user[:60]} shops here.", field="user")
        if wanted.chaos is not None and wanted.chaos not in per_order:
            raise Problem(400, f"chaos: {wanted.chaos[:60]} cannot be on for one order alone.", field="chaos")
        body: dict[str, Any] = {"itemId": wanted.item_id, "username": wanted.user, "quantity": wanted.quantity}
        if wanted.discount_code:
            body["discountCode"] = wanted.discount_code
        headers = {"baggage": f"shop.chaos={wanted.chaos}"} if wanted.chaos else {}
        return jsonify(msgspec.to_builtins(till.place(body, wanted.user, headers=headers)))

    @api.post("/api/shop/customers")
    def customers() -> Response:
        return jsonify(orders=msgspec.to_builtins(crowd(asked.body(_Customers).count)))

    return api


def _jaeger(settings: Settings) -> str | None:
    """Return the address of a trace in Jaeger's own page; None where traces are looked at in the observatory, which has none."""
    here, there = urlsplit(settings.observatory_url).netloc, urlsplit(settings.trace_url).netloc
    return None if here == there or "{traceId}" not in settings.trace_url else settings.trace_url
