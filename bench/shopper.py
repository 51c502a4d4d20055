"""Places orders with little CPU time: the measuring process shares the machine."""

import contextlib
import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlsplit

from loadtest.stock_check import Backlog
from vshop.kit.times import Clock
from vshop.shop.addresses import Addresses
from vshop.shop.client import USERS, ShopClient

_HANDLED_S = 300.0
IN_STOCK = 9  # items 0 to 8 do not sell out during a measurement


class Sent(NamedTuple):
    trace_id: str
    order_id: str
    seconds: float


class RefusedError(Exception):
    """The shop refused an order."""


class Shopper:
    def __init__(self, addresses: Addresses) -> None:
        token = ShopClient(addresses).token()
        self._connection = http.client.HTTPConnection(urlsplit(addresses.orders).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "User-Agent": "bench"}

    def place(self, item_id: int) -> Sent:
        body = json.dumps({"itemId": item_id, "username": USERS[0], "quantity": 1})
        began = time.perf_counter()
        try:
            self._connection.request("POST", "/orders", body, self._headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise RefusedError(str(error)) from error
        seconds = time.perf_counter() - began
        if response.status != http.client.ACCEPTED:
            raise RefusedError(f"POST /orders answered {response.status}: {answer[:300].decode(errors='replace')}")
        accepted = json.loads(answer)
        return Sent(accepted["traceId"], accepted["orderId"], seconds)

    def close(self) -> None:
        """Close the connection; the next order opens a new one."""
        self._connection.close()


class ShopperPool:
    """Each sends its next order when the last one is answered."""

    def __init__(self, addresses: Addresses, shoppers: int, backlog: Backlog) -> None:
        self._shoppers = [Shopper(addresses) for _ in range(shoppers)]
        self._backlog = backlog

    def order_and_wait(self, orders: int) -> tuple[list[Sent], float]:
        """Place orders, cycling through the items; return them, and the seconds until the last was handled."""
        began = time.perf_counter()
        numbers = iter(range(orders))  # shared by the threads

        def shop(shopper: Shopper) -> list[Sent]:
            with contextlib.closing(shopper):
                return [shopper.place(number % IN_STOCK) for number in numbers]

        with ThreadPoolExecutor(len(self._shoppers)) as threads:
            sent = [one for placed in threads.map(shop, self._shoppers) for one in placed]
        if not Clock().poll(lambda: self._backlog.waiting() == 0, _HANDLED_S):
            raise TimeoutError(f"{self._backlog.waiting()} orders were not handled within {_HANDLED_S:g} s")
        return sent, time.perf_counter() - began
