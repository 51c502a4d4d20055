import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.waiting import Eventually
from vshop.runtime.kubernetes import rollout
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.model.progress import silent
from vshop.shop.client import USERS, ShopClient, ShopError

OVERLAY = "local"
PARTS = ("orders", "auth-stub", "stock-updater", "console", "observatory", "jaeger", "kafka", "dynamodb")
pytestmark = pytest.mark.timeout(900)


class Shoppers:
    def __init__(self, client: ShopClient) -> None:
        self._client = client
        self._stop = threading.Event()
        self.accepted: Counter[int] = Counter()
        self.orders = 0
        self.refused: list[str] = []

    @contextmanager
    def ordering(self, eventually, at_least=10):
        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(self._shop, number) for number in range(2)]
            try:
                self._wait(eventually, done, at_least)
                yield
                self._wait(eventually, done, self.orders + at_least)
            finally:
                self._stop.set()
        for one in done:
            one.result()

    def _wait(self, eventually, done, aim):
        try:
            eventually(lambda: self.orders >= aim or any(one.done() for one in done), 240)
        except AssertionError as error:
            raise AssertionError(f"{self.orders} of {aim} orders; the latest refusals: {self.refused[-3:]}") from error

    def _shop(self, number):
        count, token = 0, self._client.token(USERS[number])
        while not self._stop.is_set():
            item, quantity, key = number + 2 * (count % 3), 1 + count % 3, secrets.token_hex(8)
            while not self._accepted(item, quantity, USERS[number], token, key):
                self._stop.wait(0.2)
            self.accepted[item] += quantity
            self.orders += 1
            count += 1
            self._stop.wait(0.1)

    def _accepted(self, item, quantity, user, token, key):
        try:
            headers = {"Idempotency-Key": key}
            return self._client.place_order(item, quantity, username=user, token=token, headers=headers).accepted
        except ShopError as error:
            self.refused.append(str(error))
            return False


def stock_of(client: ShopClient) -> dict[int, int]:
    return {item["id"]: item["stock"] for item in client.stock()}


def pods_of(kubectl: Kubectl, part: str) -> list[dict[str, Any]]:
    return kubectl.json("get", "pods", f"--selector=app.kubernetes.io/name={part}")["items"]


def kill(kubectl: Kubectl, part: str, eventually: Eventually) -> None:
    """Kill every process of a part. The pod stays, and its container starts again."""
    before = {pod["metadata"]["name"]: restarts(pod) for pod in pods_of(kubectl, part)}
    for pod in before:
        kubectl.run("exec", pod, "--container=main", "--", "sh", "-c", "kill -9 -1")  # the shell may get no time to say how it went
    eventually(lambda: all(restarts(pod) > before[pod["metadata"]["name"]] for pod in pods_of(kubectl, part)))
    ended = [pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] for pod in pods_of(kubectl, part)]
    assert ended == [137] * len(before)


def restarts(pod: dict[str, Any]) -> int:
    return pod["status"]["containerStatuses"][0]["restartCount"]


def replace(kubectl: Kubectl, part: str, eventually: Eventually) -> None:
    """Delete the pods of a part by force: new ones start at once, beside the old ones."""
    selector = f"--selector=app.kubernetes.io/name={part}"
    living = {pod["metadata"]["uid"] for pod in pods_of(kubectl, part)}
    assert kubectl.run("delete", "pods", selector, "--grace-period=0", "--force", timeout_s=60).returncode == 0
    eventually(lambda: not living & {pod["metadata"]["uid"] for pod in pods_of(kubectl, part)})


@pytest.mark.parametrize("end", [kill, replace])
@pytest.mark.parametrize("part", PARTS)
def test_ending_a_pod_loses_no_order(client: ShopClient, kubectl: Kubectl, eventually: Eventually, part: str, end):
    before = stock_of(client)
    shoppers = Shoppers(client)
    with shoppers.ordering(eventually):
        end(kubectl, part, eventually)
        rollout.wait(kubectl, 240, silent)
    expected = {item: stock - shoppers.accepted[item] for item, stock in before.items()}

    assert sum(shoppers.accepted.values()) >= 20
    with suppress(AssertionError):
        eventually(lambda: stock_of(client) == expected)
    assert stock_of(client) == expected  # says which items differ
