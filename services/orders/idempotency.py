"""Remembers the answers to requests with an ``Idempotency-Key``, so that a client's retry gets the same one.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import threading
from collections import OrderedDict

from vshop.kit.events import OrderRequest
from vshop.kit.problems import Problem

MAX_KEY_LENGTH = 255


class Answers:
    """The last answers, by shopper and key.

    Where they forget, the order id (made from order and key) lets stock-updater recognise the retry, among an item's last hundred.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        """Args: capacity: how many answers are remembered."""
        self._capacity = capacity
        self._answers: OrderedDict[tuple[str, str], tuple[OrderRequest, dict[str, str]]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: str, order: OrderRequest) -> dict[str, str] | None:
        """Return the answer this key was given before, or None.

        Raises:
            Problem: 422, the key was used for another order; 400, it is longer than 255 characters.
        """
        if not key or len(key) > MAX_KEY_LENGTH:
            raise Problem(400, f"Idempotency-Key must have 1 to {MAX_KEY_LENGTH} characters.", field="Idempotency-Key")
        with self._lock:
            seen = self._answers.get((order.username, key))
        if seen is None:
            return None
        if seen[0] != order:
            raise Problem(422, "This Idempotency-Key was used for another order; use a new one.", field="Idempotency-Key")
        return seen[1]

    def remember(self, key: str, order: OrderRequest, answer: dict[str, str]) -> None:
        """Keep an answer; the oldest makes room."""
        with self._lock:
            self._answers[order.username, key] = (order, answer)
            while len(self._answers) > self._capacity:
                self._answers.popitem(last=False)
