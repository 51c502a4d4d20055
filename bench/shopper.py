"""Places orders with little CPU time: the measuring process shares the machine."""

import contextlib
import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlsplit

from confluent_kafka import Consumer, TopicPartition

from vshop.shop.addresses import Addresses
from vshop.shop.client import USERS, ShopClient
from vshop.shop.clock import Clock

_KAFKA_TIMEOUT_S = 10.0
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


class Backlog:
    """Orders that stock-updater has not committed, read from Kafka: polling the stock would load the shop."""

    def __init__(self, bootstrap: str, topic: str = "queuing.retail_site.new_orders", group: str = "stock-updater") -> None:
        self._observer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 2})
        known = self._observer.list_topics(topic, timeout=_KAFKA_TIMEOUT_S).topics[topic].partitions
        self._partitions = [TopicPartition(topic, partition) for partition in known]

    def waiting(self) -> int:
        waiting = 0
        for place in self._observer.committed(self._partitions, timeout=_KAFKA_TIMEOUT_S):
            low, high = self._observer.get_watermark_offsets(place, timeout=_KAFKA_TIMEOUT_S)
            waiting += high - max(place.offset, low)  # a negative offset means that nothing is committed yet
        return waiting

    def wait(self, timeout_s: float) -> None:
        if not Clock().poll(lambda: self.waiting() == 0, timeout_s):
            raise TimeoutError(f"{self.waiting()} orders were not handled within {timeout_s:g} s")

    def close(self) -> None:
        self._observer.close()


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
        self._backlog.wait(_HANDLED_S)
        return sent, time.perf_counter() - began
