"""Sends a trigger's orders, each in a trace whose id is known from the answer."""

import uuid
from collections.abc import Iterator

from vshop.client import USERS, Placed
from vshop.incidents.trigger import Step, Trigger
from vshop.verify.pace import Pace
from vshop.verify.ports import Shop

BAGGAGE_MEMBER = "shop.chaos"


def send(trigger: Trigger, shop: Shop, pace: Pace, incident: str | None = None) -> list[Placed]:
    """Go through a trigger's steps.

    Args:
        trigger: what to send.
        shop: where to.
        pace: the clock for the waits.
        incident: switched on for these requests alone, logins included, by baggage; None for none.

    Returns:
        What came of each order, in their order.

    Raises:
        ShopError: orders or auth cannot be reached.
    """
    key = str(uuid.uuid4())
    placed: list[Placed] = []
    for step in trigger.steps:
        if step.wait_ms is not None:
            pace.pause(step.wait_ms / 1000)
        placed += _send_step(step, shop, key, {"baggage": f"{BAGGAGE_MEMBER}={incident}"} if incident else {})
    return placed


def judged(trigger: Trigger, placed: list[Placed]) -> list[Placed]:
    """Return the orders that must show what is expected."""
    return placed[-1:] if trigger.judge == "last" else placed


def _send_step(step: Step, shop: Shop, key: str, baggage: dict[str, str]) -> Iterator[Placed]:
    if step.order is None:
        return
    order, shopper = step.order, USERS[step.order.user]
    headers = {**step.headers, **baggage} | ({"Idempotency-Key": key} if step.idempotency_key else {})
    for _ in range(step.repeat):
        token = shop.token(shopper, headers=baggage) if step.token == "fresh" else step.token
        yield shop.place_order(
            order.item_id,
            order.quantity,
            username=order.username or shopper,
            discount_code=order.discount_code,
            token=None if token == "none" else token,
            headers=headers,
        )
