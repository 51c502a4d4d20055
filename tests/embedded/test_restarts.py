import contextlib
import os
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import requests
from confluent_kafka import Consumer, TopicPartition

from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import USERS, ShopClient, ShopError

pytestmark = pytest.mark.slow

TOPIC = "queuing.retail_site.new_orders"


class Shopper(threading.Thread):
    def __init__(self, shop: Shop, user: int) -> None:
        super().__init__(daemon=True)
        self.accepted: Counter[int] = Counter()
        self.orders = 0
        self.slowest_s = 0.0
        self.answers: Counter[int | str] = Counter()
        self._user = USERS[user]
        self._client = ShopClient(find(shop.state.home, {}))
        self._token = ""
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.is_set():
            item, quantity, key = self.orders % 9, 1 + self.orders % 3, secrets.token_hex(8)
            while not self._place(item, quantity, key):
                self._done.wait(0.05)  # as a client does that was told to try again
            self.orders += 1
            self.accepted[item] += quantity
            self._done.wait(0.05)

    def _place(self, item: int, quantity: int, key: str) -> bool:
        started = time.monotonic()
        try:
            self._token = self._token or self._client.token(self._user)
            headers = {"Idempotency-Key": key}
            placed = self._client.place_order(item, quantity, username=self._user, token=self._token, headers=headers)
        except (ShopError, requests.RequestException) as error:
            self.answers[getattr(error, "hop", "") or "cut off"] += 1
            return False
        self.slowest_s = max(self.slowest_s, time.monotonic() - started)
        self.answers[placed.status] += 1
        if placed.status == 401:
            self._token = ""  # auth-stub has new keys
        return placed.accepted

    def stop(self) -> None:
        self._done.set()
        self.join(timeout=60)
        assert not self.is_alive()


@contextlib.contextmanager
def shopping(shop: Shop, shoppers: int = 2) -> Iterator[list[Shopper]]:
    busy = [Shopper(shop, user) for user in range(shoppers)]
    for shopper in busy:
        shopper.start()
    try:
        yield busy
    finally:
        for shopper in busy:
            shopper.stop()


def kill(shop: Shop, part: str) -> None:
    identity = shop.state.processes[part]
    os.kill(identity.pid, signal.SIGKILL)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(identity.pid).wait(10)
    shop.restart(part)


def is_caught_up(shop: Shop) -> bool:
    servers = shop.addresses["kafka"]
    looker = Consumer({"bootstrap.servers": servers, "group.id": "stock-updater", "enable.auto.commit": False, "log_level": 0})
    try:
        ends = {part: looker.get_watermark_offsets(TopicPartition(TOPIC, part), 10)[1] for part in range(4)}
        committed = looker.committed([TopicPartition(TOPIC, part) for part in ends], 10)
        return all(ends[part.partition] == max(part.offset, 0) for part in committed)
    finally:
        looker.close()


Stock = dict[int, tuple[int, int]]


def stock_of(shop: Shop) -> Stock:
    items = ShopClient(find(shop.state.home, {})).stock()
    return {item["id"]: (item["stock"], item["ordered"]) for item in items}


def expected(before: Stock, shoppers: list[Shopper]) -> Stock:
    accepted = sum((shopper.accepted for shopper in shoppers), Counter[int]())
    return {item: (stock - accepted[item], ordered + accepted[item]) for item, (stock, ordered) in before.items()}


RESTARTS = [
    (part, how) for part in ("orders", "auth-stub", "stock-updater", "kafka", "dynamodb") for how in ("restarted", "killed")
]


@pytest.mark.timeout(240)
def test_no_order_is_lost_or_counted_twice(breakable: Shop, eventually):
    before = stock_of(breakable)
    with shopping(breakable) as shoppers:
        for part, how in RESTARTS:
            orders = [shopper.orders for shopper in shoppers]
            breakable.restart(part) if how == "restarted" else kill(breakable, part)
            eventually(lambda seen=orders: all(new.orders > old for new, old in zip(shoppers, seen, strict=True)), 60)
    unexpected = sum((shopper.answers for shopper in shoppers), Counter())
    assert unexpected.keys() <= {202, 401, 503, "orders", "auth-stub", "cut off"}
    eventually(lambda: is_caught_up(breakable), 60)
    assert stock_of(breakable) == expected(before, shoppers)
    assert ShopClient(find(breakable.state.home, {})).dead_letters() == []


@pytest.mark.timing
def test_orders_do_not_notice_that_the_observatory_is_away(breakable: Shop, eventually, budget):
    before = stock_of(breakable)
    pid = breakable.state.processes["observatory"].pid
    with shopping(breakable) as shoppers:

        def more(count: int) -> None:
            seen = [shopper.orders for shopper in shoppers]
            eventually(lambda: all(new.orders >= old + count for new, old in zip(shoppers, seen, strict=True)), 60)

        more(5)
        os.kill(pid, signal.SIGSTOP)
        more(40)
        os.kill(pid, signal.SIGKILL)
        more(40)
        slowest_s = max(shopper.slowest_s for shopper in shoppers)
        breakable.restart("observatory")
        more(5)
    assert [set(shopper.answers) for shopper in shoppers] == [{202}] * 2
    assert slowest_s < budget(1.9)  # an export that is waited for would take 2 s
    eventually(lambda: is_caught_up(breakable), 60)
    assert stock_of(breakable) == expected(before, shoppers)


def test_insights_after_a_restart_of_the_observatory_count_from_the_first_value(breakable: Shop, eventually):
    client = ShopClient(find(breakable.state.home, {}))
    for _ in range(3):
        client.place_order(1)
    breakable.restart("observatory")
    client.place_order(1, headers={"baggage": "shop.chaos=stock-put-missing-key"})

    def shown() -> dict[str, Any]:
        return requests.get(f"{client.addresses.console}/api/insights", timeout=20).json()

    def complete() -> dict[str, Any] | None:
        """Each service exports by itself."""
        seen = shown()
        return seen if all(seen["recent"][name] for name in ("deadLettered", "errors", "accepted")) else None

    client.flush()
    figures = eventually(complete)
    total = sum(series["points"][-1]["value"] for series in client.metrics("shop.orders.placed"))
    assert figures["totals"]["accepted"] == total >= 4
    # All errors of a service that started less than four minutes ago are recent.
    assert 1 <= figures["recent"]["errors"] == sum(map(sum, figures["errors"].values())) <= figures["totals"]["errors"]
    assert 1 <= figures["recent"]["accepted"] == figures["accepted"][-1] <= total
    assert figures["accepted"][0] == 0


def test_services_stop_in_time_though_the_observatory_is_silent(breakable: Shop):
    observatory = breakable.state.processes["observatory"].pid
    services = {part: breakable._children[part].process for part in ("orders", "auth-stub", "stock-updater")}
    os.kill(observatory, signal.SIGSTOP)
    try:
        ShopClient(find(breakable.state.home, {})).place_order(1)
        for process in services.values():
            process.terminate()
        assert {part: process.wait(timeout=20) for part, process in services.items()} == dict.fromkeys(services, 0)
    finally:
        os.kill(observatory, signal.SIGCONT)
        for part in services:
            breakable.restart(part)
