"""Sends a trigger's orders."""

import uuid

from vshop.incidents.incident import Trigger
from vshop.kit.chaos.baggage import BAGGAGE_KEY
from vshop.kit.times import Clock
from vshop.shop.client import USERS, Placed, ShopClient


def send_trigger(trigger: Trigger, shop: ShopClient, clock: Clock, incident: str | None = None) -> list[Placed]:
    """Run a trigger's steps, with ``incident`` on for them by baggage; return the answers."""
    key = str(uuid.uuid4())
    baggage = {"baggage": f"{BAGGAGE_KEY}={incident}"} if incident else {}
    placed: list[Placed] = []
    for step in trigger.steps:
        if step.order is None:
            clock.sleep((step.wait_ms or 0) / 1000)
            continue
        order, shopper = step.order, USERS[step.order.user]
        headers = {**step.headers, **baggage} | ({"Idempotency-Key": key} if step.idempotency_key else {})
        for _ in range(step.repeat):
            token = shop.token(shopper, headers=baggage) if step.token == "fresh" else step.token
            placed.append(
                shop.place_order(
                    order.item_id,
                    order.quantity,
                    username=order.username or shopper,
                    discount_code=order.discount_code,
                    token=None if token == "none" else token,
                    headers=headers,
                )
            )
    return placed


def judged_orders(trigger: Trigger, placed: list[Placed]) -> list[Placed]:
    """Return the orders that must show what the file expects."""
    return placed[-1:] if trigger.judge == "last" else placed
