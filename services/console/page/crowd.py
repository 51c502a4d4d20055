"""Customers who order by themselves, a few at a time: work for the shop, and in an exercise the orders that show the fault."""

import threading
import uuid
from collections.abc import Callable

from console.page.shopper import CODES, SHOPPERS, Outcome, Till
from vshop.incidents.incident import Incident
from vshop.kit.items import ITEMS

_LONGEST_WAIT_S = 5.0
_ORDINARY = [item.id for item in ITEMS.values() if item.stock > 1000]


class Crowd:
    """Orders one after the other, each time something else: who, what, how many, with which code."""

    def __init__(self, till: Till, incident: Callable[[], Incident | None]) -> None:
        """Args: till: places the orders. incident: the one of the exercise under way; its trigger is among the orders."""
        self._till = till
        self._incident = incident
        self._count = 0
        self._pause = threading.Event()

    def order(self, count: int) -> list[Outcome]:
        """Let customers order.

        Returns:
            What came of each order, in their order.
        """
        placed = self._ordinary(count // 2)
        incident = self._incident()
        if incident is not None:
            placed += self._trigger(incident)
        return placed + self._ordinary(count - count // 2)

    def _trigger(self, incident: Incident) -> list[Outcome]:
        key, placed = str(uuid.uuid4()), []
        for step in incident.trigger.steps:
            if step.wait_ms is not None:
                self._pause.wait(min(step.wait_ms / 1000, _LONGEST_WAIT_S))
            placed += self._till.act(step, key)
        return placed

    def _ordinary(self, count: int) -> list[Outcome]:
        placed = []
        for _ in range(count):
            number, self._count = self._count, self._count + 1
            shopper = SHOPPERS[number % len(SHOPPERS)].id
            order = {"itemId": _ORDINARY[number % len(_ORDINARY)], "username": shopper, "quantity": number % 3 + 1}
            code = (None, *CODES)[number % 3]
            placed.append(self._till.place(order | ({"discountCode": code} if code else {}), shopper))
        return placed
