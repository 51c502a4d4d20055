"""Stores responses by ``Idempotency-Key``, so that a client's retry gets the first response again.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import threading
from collections import OrderedDict

from vshop.kit.http.problems import Problem
from vshop.kit.order import OrderRequest

MAX_KEY_LENGTH = 255


class IdempotencyStore:
    """The latest responses. After an eviction, stock-updater still recognises a retry by its order id."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[tuple[str, str], tuple[OrderRequest, dict[str, str]]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: str, order: OrderRequest) -> dict[str, str] | None:
        """Return the first response to this key, or None.

        Raises Problem: 422, the key was used for another order; 400, it is empty or longer than 255 characters.
        """
        if not key or len(key) > MAX_KEY_LENGTH:
            raise Problem(400, f"Idempotency-Key must have 1 to {MAX_KEY_LENGTH} characters.", field="Idempotency-Key")
        with self._lock:
            entry = self._entries.get((order.username, key))
        if entry is None:
            return None
        first_order, response = entry
        if first_order != order:
            raise Problem(422, "This Idempotency-Key was used for another order; use a new one.", field="Idempotency-Key")
        return response

    def save(self, key: str, order: OrderRequest, response: dict[str, str]) -> None:
        """Save a response; evicts the oldest above the capacity."""
        with self._lock:
            self._entries[order.username, key] = (order, response)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)
