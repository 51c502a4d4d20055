"""Orders as a shopper does: logs in, sends the order, tells what came of it."""

from typing import Any, NamedTuple

import msgspec

from console.page.upstream import Upstream
from vshop.incidents.trigger import Step
from vshop.kit.settings import Settings

CODES = ("DEL15", "XMASSAVE30")
_PASSWORD = "shopper"


class Shopper(NamedTuple):
    """Somebody who orders; ``id`` is the Auth0 user id."""

    id: str
    name: str


SHOPPERS = (
    Shopper("auth0|5ba1a9227dc7232e1aec4fd0", "Ada"),
    Shopper("auth0|5ba1a9227dc7232e1aec4fd1", "Grace"),
    Shopper("auth0|5ba1a9227dc7232e1aec4fd2", "Edsger"),
)


class Outcome(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What came of an order: the status, its ids, and the answer as it was given. ``hop`` is the part that was asked last."""

    status: int
    hop: str
    accepted: bool = False
    trace_id: str | None = None
    order_id: str | None = None
    answer: Any = None


class Till:
    """Places orders."""

    def __init__(self, upstream: Upstream, settings: Settings) -> None:
        """Args: upstream: where the shop is. settings: hold the audience of a token."""
        self._upstream = upstream
        self._audience = settings.token_audience

    def place(self, order: dict[str, Any], shopper: str, *, headers: dict[str, str] | None = None, token: str = "") -> Outcome:
        """Log a shopper in and send an order.

        Args:
            order: the body of ``POST /orders``.
            shopper: the id of who logs in.
            headers: more headers, such as ``baggage``; the login gets the baggage too.
            token: is sent as it is; a fresh one when empty, none at all when ``none``.

        Raises:
            Problem: 503, when a part cannot be reached.
        """
        sent = dict(headers or {})
        if token in {"", "fresh"}:
            baggage = {name: value for name, value in sent.items() if name == "baggage"}
            login = {"grant_type": "password", "username": shopper, "password": _PASSWORD, "audience": self._audience}
            answer = self._upstream.send("POST", "auth-stub", "/oauth/token", json=login, headers=baggage)
            if answer.status != 200 or not isinstance(answer.body, dict):
                return Outcome(status=answer.status, hop="auth-stub", answer=answer.body)
            token = str(answer.body.get("access_token"))
        if token != "none":
            sent["Authorization"] = f"Bearer {token}"
        answer = self._upstream.send("POST", "orders", "/orders", json=order, headers=sent)
        body = answer.body if isinstance(answer.body, dict) else {}
        trace = answer.headers.get("traceresponse", "--").split("-")
        return Outcome(
            status=answer.status,
            hop="orders",
            accepted=answer.status == 202,
            trace_id=body.get("traceId") or (trace[1] if len(trace) > 1 else None) or None,
            order_id=body.get("orderId"),
            answer=answer.body,
        )

    def act(self, step: Step, key: str) -> list[Outcome]:
        """Send the orders of one step of a trigger.

        Args:
            step: one that has an order.
            key: the ``Idempotency-Key`` of those that share one.
        """
        if step.order is None:
            return []
        shopper = SHOPPERS[step.order.user].id
        order: dict[str, Any] = {
            "itemId": step.order.item_id,
            "username": step.order.username or shopper,
            "quantity": step.order.quantity,
        }
        if step.order.discount_code is not None:
            order["discountCode"] = step.order.discount_code
        headers = dict(step.headers) | ({"Idempotency-Key": key} if step.idempotency_key else {})
        return [self.place(order, shopper, headers=headers, token=step.token) for _ in range(step.repeat)]
