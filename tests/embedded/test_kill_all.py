"""All parts are killed at once under orders, and the shop starts with ``--keep``: the stock is exact.

VSHOP_KILL_ROUNDS=20 kills more often, with both kinds of DynamoDB.
"""

import contextlib
import os
import secrets
import threading
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import requests

from vshop.runtime.local.shop import Shop
from vshop.runtime.model import processes
from vshop.runtime.model.options import Options
from vshop.shop.addresses import find
from vshop.shop.client import USERS, ShopClient, ShopError

ROUNDS, ORDERS = int(os.environ.get("VSHOP_KILL_ROUNDS", "3")), 40
DYNAMODB = ("moto", "local") if "VSHOP_KILL_ROUNDS" in os.environ else ("moto",)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420 + 60 * ROUNDS)]


class Shopper(threading.Thread):
    def __init__(self, client: ShopClient, user: str) -> None:
        super().__init__(daemon=True)
        self.accepted, self.orders = Counter[int](), 0
        self.done = threading.Event()
        self.client, self._user = client, user

    def run(self) -> None:
        while not self.done.is_set():
            item, quantity, key = self.orders % 9, 1 + self.orders % 3, secrets.token_hex(8)
            while not self._accepts(item, quantity, key):
                self.done.wait(0.1)
            self.orders += 1
            self.accepted[item] += quantity

    def _accepts(self, item: int, quantity: int, key: str) -> bool:
        with contextlib.suppress(ShopError, requests.RequestException):
            return self.client.place_order(item, quantity, username=self._user, headers={"Idempotency-Key": key}).accepted
        return False


@pytest.mark.parametrize("dynamodb", DYNAMODB)
def test_kill_9_of_all_parts_loses_and_doubles_nothing(tmp_path: Path, eventually, dynamodb):
    options = Options(home=str(tmp_path), free_ports=True, aot=False, timeout_s=180, dynamodb=dynamodb)
    shop = Shop.start(options)
    ends = [shop]
    client = ShopClient(find(options.home, {}))
    before = {item["id"]: item["stock"] for item in client.stock()}
    shoppers = [Shopper(client, user) for user in USERS[:2]]
    try:
        for shopper in shoppers:
            shopper.start()
        for _ in range(ROUNDS):
            seen = [shopper.orders for shopper in shoppers]
            eventually(lambda seen=seen: all(one.orders > old + ORDERS // 2 for one, old in zip(shoppers, seen, strict=True)), 180)
            processes.kill_run(shop.state.run)
            shop = Shop.start(msgspec.structs.replace(options, keep=True))
            ends.append(shop)
            client = ShopClient(find(options.home, {}))  # with other ports
            for shopper in shoppers:
                shopper.client = client
        for shopper in shoppers:
            shopper.done.set()
            shopper.join(60)
            assert not shopper.is_alive()
        accepted = sum((shopper.accepted for shopper in shoppers), Counter[int]())
        due = {item: stock - accepted[item] for item, stock in before.items()}
        eventually(lambda: client.flush(within_s=5) and {item["id"]: item["stock"] for item in client.stock()} == due, 120)
        assert client.dead_letters() == []
    finally:
        for shopper in shoppers:
            shopper.done.set()
        for one in reversed(ends):
            one.stop()
