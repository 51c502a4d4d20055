"""Places orders, on few instructions of its own: what measures shares the machine with what is measured."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from bench.backlog import Backlog
from vshop.addresses import Addresses
from vshop.client import USERS, ShopClient

_IN_STOCK = 9
"""Items 0 to 8 never sell out here; the last one does."""


class Sent(NamedTuple):
    """An accepted order."""

    trace_id: str
    order_id: str
    item_id: int
    seconds: float
    """From sending it to its answer."""


class RefusedError(Exception):
    """The shop did not take an order; the text says what it said."""


class Shopper:
    """One shopper, logged in, on one connection."""

    def __init__(self, addresses: Addresses) -> None:
        """Log in.

        Args:
            addresses: of the shop.
        """
        token = ShopClient(addresses).token()
        self._connection = http.client.HTTPConnection(urlsplit(addresses.orders).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "User-Agent": "bench"}

    def place(self, item_id: int) -> Sent:
        """Order one piece of an item.

        Raises:
            RefusedError: it was not accepted.
        """
        body = json.dumps({"itemId": item_id, "username": USERS[0], "quantity": 1})
        began = time.perf_counter()
        self._connection.request("POST", "/orders", body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        seconds = time.perf_counter() - began
        if response.status != http.client.ACCEPTED:
            raise RefusedError(f"POST /orders answered {response.status}: {answer[:300].decode(errors='replace')}")
        told = json.loads(answer)
        return Sent(told["traceId"], told["orderId"], item_id, seconds)

    def hang_up(self) -> None:
        """Close the connection, which a server does not keep for ever; the next order opens another."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return the shopper."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.hang_up()


class Crowd:
    """Several shoppers at a time, each with its next order as soon as the last one is answered."""

    def __init__(self, addresses: Addresses, shoppers: int, backlog: Backlog) -> None:
        """Log them all in.

        Args:
            addresses: of the shop.
            shoppers: how many.
            backlog: tells when all is handled.
        """
        self._shoppers = [Shopper(addresses) for _ in range(shoppers)]
        self._backlog = backlog

    def order(self, orders: int) -> list[Sent]:
        """Place so many orders, all items in turn.

        Raises:
            RefusedError: one was not accepted.
        """
        numbers, sent, failed = itertools.count(), list[Sent](), list[Exception]()

        def shop(shopper: Shopper) -> None:
            try:
                while not failed and (number := next(numbers)) < orders:
                    sent.append(shopper.place(number % _IN_STOCK))
            except (RefusedError, OSError, http.client.HTTPException) as error:
                failed.append(error)
            finally:
                shopper.hang_up()

        threads = [threading.Thread(target=shop, args=(shopper,)) for shopper in self._shoppers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise RefusedError(str(failed[0])) from failed[0]
        return sent

    def order_and_wait(self, orders: int, timeout_s: float = 300.0) -> tuple[list[Sent], float]:
        """Place so many orders and wait until all are handled.

        Returns:
            The orders, and the seconds from the first one's sending until the last one was handled.

        Raises:
            RefusedError: one was not accepted.
            TimeoutError: they were not handled in time.
        """
        began = time.perf_counter()
        sent = self.order(orders)
        self._backlog.wait(timeout_s)
        return sent, time.perf_counter() - began


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that so large a share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
