import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from vshop.runtime.kubernetes import rollout
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.model.progress import silent
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader, missing_hop

OVERLAY = "scale"
AT_LEAST = 2  # consumers, by the ScaledObject
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module", autouse=True)
def kinds(kubectl: Kubectl):
    if kubectl.run("get", "crd", "scaledobjects.keda.sh").returncode:
        pytest.skip("Install KEDA in the cluster to run this test: it does not know ScaledObject.")


@pytest.fixture
def keda(kubectl: Kubectl):
    served = kubectl.run("get", "apiservice", "v1beta1.external.metrics.k8s.io", "--output=jsonpath={.status.conditions[*].status}")
    if served.stdout != "True":
        pytest.skip("Start KEDA in the cluster to run this test: nothing serves external metrics.")


def consumers(kubectl: Kubectl):
    return kubectl.json("get", "deployment", "stock-updater")["status"].get("readyReplicas", 0)


def stock(client: ShopClient):
    return {item["id"]: item["stock"] for item in client.stock()}


def test_an_order_is_whole_on_three_brokers(up, reader: TraceReader, kubectl: Kubectl):
    assert missing_hop(reader.get(up["traceId"])) is None
    assert kubectl.json("get", "statefulset", "kafka")["status"]["readyReplicas"] == 3
    assert kubectl.json("get", "deployment", "orders")["status"]["readyReplicas"] == 2


def test_lag_brings_consumers(keda, client: ShopClient, addresses: Addresses, kubectl: Kubectl, eventually):
    eventually(lambda: consumers(kubectl) == AT_LEAST, 180)  # which KEDA sees to without any lag
    before, token = stock(client), client.token()
    slow = f"{addresses.console}/chaos/stock-slow-but-healthy"
    assert requests.put(slow, json={}, timeout=20).ok
    try:
        with ThreadPoolExecutor(8) as pool:
            placed = list(pool.map(lambda number: client.place_order(number % 9, token=token), range(400)))
        accepted = Counter(number % 9 for number, one in enumerate(placed) if one.accepted)
        assert eventually(lambda: consumers(kubectl) > AT_LEAST, 300)
    finally:
        eventually(lambda: requests.delete(slow, timeout=20).ok)

    assert sum(accepted.values()) == 400
    eventually(lambda: stock(client) == {item: count - accepted[item] for item, count in before.items()}, 300)


def test_orders_go_on_without_one_broker(client: ShopClient, kubectl: Kubectl, eventually):
    before, token = stock(client), client.token()

    def accepted(key):
        return client.place_order(4, token=token, headers={"Idempotency-Key": key}).accepted

    assert kubectl.run("delete", "pod", "kafka-1", "--grace-period=0", "--force", timeout_s=60).returncode == 0
    for _ in range(20):
        key = secrets.token_hex(8)
        assert eventually(lambda key=key: accepted(key))

    rollout.wait(kubectl, 300, silent)
    eventually(lambda: stock(client) == before | {4: before[4] - 20}, 120)
