"""``/api/shop``: the items, their stock, and orders."""

from collections.abc import Callable, Collection
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from flask import Blueprint

from console.page.samplers import Parts
from vshop.incidents.incident import Incident
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.incidents.verify.trigger_orders import send_trigger
from vshop.kit.chaos.baggage import BAGGAGE_KEY
from vshop.kit.demo_data import ITEMS
from vshop.kit.http.problems import Problem, read_body
from vshop.kit.settings import Settings
from vshop.kit.times import Clock
from vshop.shop import operations
from vshop.shop.client import USERS, Placed, ShopClient, ShopError

CODES = ("DEL15", "XMASSAVE30")
SHOPPERS = dict(zip(USERS, ("Ada", "Grace", "Edsger"), strict=True))
_LONGEST_WAIT_S = 5.0
_REPLAYED_WITHIN_S = 10.0
_WELL_STOCKED = [item.id for item in ITEMS.values() if item.stock > 1000]


class _OrderRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    item_id: int
    quantity: int = 1
    user: str
    discount_code: str | None = None
    chaos: str | None = None


class _CustomersRequest(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=30)] = 6


class _ReplayRequest(msgspec.Struct, forbid_unknown_fields=True):
    ids: list[str]


class _ShortWaits(Clock):
    """A browser waits for the answer."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, _LONGEST_WAIT_S))


class Customers:
    """Places orders for the page: ``{"status", "hop", "accepted", "traceId", "orderId", "answer"}``.

    ``hop`` is the last service that answered.
    """

    def __init__(self, client: ShopClient, incident: Callable[[], Incident | TelemetryFault | None]) -> None:
        """``incident`` returns the exercise's, whose trigger the customers send too."""
        self._client = client
        self._incident = incident
        self._count = 0

    def place(
        self, item_id: int, quantity: int, user: str, *, discount_code: str | None = None, chaos: str | None = None
    ) -> dict[str, Any]:
        """Log a user in and order, both with the incident ``chaos``. Raises ShopError."""
        baggage = {"baggage": f"{BAGGAGE_KEY}={chaos}"} if chaos else {}
        try:
            token = self._client.token(user, headers=baggage)
        except ShopError as error:
            return _refused_login(error)
        placed = self._client.place_order(
            item_id, quantity, username=user, discount_code=discount_code, token=token, headers=baggage
        )
        return _result(placed)

    def simulate(self, count: int) -> list[dict[str, Any]]:
        """Place ``count`` orders, with the exercise's trigger in the middle. Raises ShopError."""
        results = [self._place_next() for _ in range(count // 2)]
        incident = self._incident()
        if incident is not None:
            try:
                results += [_result(placed) for placed in send_trigger(incident.trigger, self._client, _ShortWaits())]
            except ShopError as error:
                results.append(_refused_login(error))
        return results + [self._place_next() for _ in range(count - count // 2)]

    def _place_next(self) -> dict[str, Any]:
        number, self._count = self._count, self._count + 1
        item_id, user, code = _WELL_STOCKED[number % len(_WELL_STOCKED)], USERS[number % len(USERS)], (None, *CODES)[number % 3]
        return self.place(item_id, number % 3 + 1, user, discount_code=code)


def _result(placed: Placed) -> dict[str, Any]:
    answered = {"status": placed.status, "hop": "orders", "accepted": placed.accepted, "answer": placed.body}
    return answered | {"traceId": placed.trace_id or None, "orderId": placed.order_id}


def _refused_login(error: ShopError) -> dict[str, Any]:
    if error.status is None:  # the service cannot be reached
        raise error
    refused = {"status": error.status, "hop": error.hop, "accepted": False, "answer": {"detail": str(error)}}
    return refused | {"traceId": None, "orderId": None}


def blueprint(client: ShopClient, customers: Customers, settings: Settings, per_order: Collection[str]) -> Blueprint:
    """Make ``/api/shop``; incidents of ``per_order`` can be on for one order."""
    api = Blueprint("shop", __name__)

    @api.get("/api/shop")
    def shop() -> dict[str, Any]:
        return {
            "items": [{"id": item.id, "name": item.name, "priceCents": item.price_cents} for item in ITEMS.values()],
            "shoppers": [{"id": user, "name": name} for user, name in SHOPPERS.items()],
            "codes": list(CODES),
            "topic": settings.kafka_topic,
            "table": settings.dynamodb_table,
            "jaeger": _jaeger(settings),
            "tailSampling": settings.tail_sampling,
        }

    @api.get("/api/shop/stock")
    def stock() -> Any:
        return {"items": [{name: one.get(name) for name in ("id", "stock", "ordered")} for one in client.stock()]}

    @api.post("/api/shop/orders")
    def order() -> dict[str, Any]:
        wanted = read_body(_OrderRequest)
        if wanted.user not in SHOPPERS:
            raise Problem(400, f"user: there is no shopper {wanted.user[:60]}. GET /api/shop lists them.", field="user")
        if wanted.chaos is not None and wanted.chaos not in per_order:
            raise Problem(400, f"chaos: {wanted.chaos[:60]} cannot be switched on for one order only.", field="chaos")
        return customers.place(
            wanted.item_id, wanted.quantity, wanted.user, discount_code=wanted.discount_code or None, chaos=wanted.chaos or None
        )

    @api.post("/api/shop/customers")
    def simulate() -> dict[str, Any]:
        return {"orders": customers.simulate(read_body(_CustomersRequest).count)}

    return api


def operations_blueprint(client: ShopClient, parts: Parts) -> Blueprint:
    """Make ``/api/parts``, ``/api/shop/reset`` and ``/api/shop/dead-letters``."""
    api = Blueprint("operations", __name__)

    @api.get("/api/parts")
    def parts_down() -> dict[str, Any]:
        return {"down": parts.down()}

    @api.post("/api/shop/reset")
    def reset() -> dict[str, Any]:
        return dict(msgspec.to_builtins(operations.reset(client)))

    @api.get("/api/shop/dead-letters")
    def dead_letters() -> dict[str, Any]:
        return {"letters": client.dead_letters()}

    @api.post("/api/shop/dead-letters/replay")
    def replay() -> dict[str, Any]:
        wanted = read_body(_ReplayRequest)
        return {"replays": msgspec.to_builtins(operations.replay(client, wanted.ids, _REPLAYED_WITHIN_S))}

    return api


def _jaeger(settings: Settings) -> str | None:
    here, there = urlsplit(settings.observatory_url).netloc, urlsplit(settings.trace_url).netloc
    return None if here == there or "{traceId}" not in settings.trace_url else settings.trace_url
