import json
import os
import secrets
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from confluent_kafka import Producer

from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import Placed, ShopClient
from vshop.shop.traces import TraceReader

TOPIC = "queuing.retail_site.new_orders"
BURST = 80


@pytest.fixture
def client(breakable: Shop) -> ShopClient:
    return ShopClient(find(breakable.state.home, {}))


@pytest.fixture
def reader(breakable: Shop) -> TraceReader:
    return TraceReader(breakable.addresses["observatory"])


@pytest.fixture
def burst(breakable: Shop) -> Callable[[], dict[str, str]]:
    def put() -> dict[str, str]:
        producer = Producer({"bootstrap.servers": breakable.addresses["kafka"], "log_level": 0})
        traces = {f"burst-{secrets.token_hex(8)}": secrets.token_hex(16) for _ in range(BURST)}
        for order_id, trace_id in traces.items():
            value = {"schemaVersion": 1, "orderId": order_id, "itemId": 7, "username": "someone", "quantity": 1, "placedAt": "now"}
            headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
            producer.produce(TOPIC, json.dumps(value), "7", headers=list(headers.items()))
        assert producer.flush(20) == 0
        return traces

    return put


def test_stock_updater_stops_in_the_middle_of_a_burst(breakable: Shop, client: ShopClient, reader: TraceReader, burst, eventually):
    before = client.item(7)["ordered"]
    traces = burst()
    eventually(lambda: client.item(7)["ordered"] >= before + 5)
    process = breakable._children["stock-updater"].process
    process.terminate()
    assert process.wait(timeout=30) == 0

    def outcomes() -> dict[str, list[str]]:
        found = {order_id: reader.get(trace_id) for order_id, trace_id in traces.items()}
        handled = {order_id: trace.find(kind="CONSUMER") for order_id, trace in found.items() if trace.spans}
        for order_id, taken in handled.items():
            for span in taken:
                calls = sorted(call.name for call in found[order_id].children(span))
                assert calls == ["DynamoDB.GetItem", "DynamoDB.PutItem"], order_id
        return {order_id: [span.attributes["shop.order.outcome"] for span in taken] for order_id, taken in handled.items()}

    first = outcomes()  # nothing to wait for: a process that has ended has sent everything
    assert 5 <= len(first) < BURST
    breakable.restart("stock-updater")
    eventually(lambda: client.item(7)["ordered"] == before + BURST, 60)
    # committed before it ended, else some would be seen again and found to be duplicates
    eventually(lambda: Counter(one for each in outcomes().values() for one in each) == {"applied": BURST})


def test_orders_finishes_the_request_it_has(breakable: Shop, client: ShopClient, reader: TraceReader, eventually):
    token, trace_id = client.token(), secrets.token_hex(16)
    log = Path(breakable.status()["parts"]["orders"]["log"])
    process, auth = breakable._children["orders"].process, breakable.state.processes["auth-stub"].pid
    answers: list[Placed] = []
    context = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    asking = threading.Thread(target=lambda: answers.append(client.place_order(6, token=token, headers=context)))
    os.kill(auth, signal.SIGSTOP)
    try:
        asking.start()
        eventually(lambda: trace_id in log.read_text())  # "placing new order", then it waits for auth
        process.terminate()
        eventually(lambda: is_refused(breakable))
    finally:
        os.kill(auth, signal.SIGCONT)
    asking.join(timeout=30)
    assert process.wait(timeout=30) == 0
    breakable.restart("orders")
    (placed,) = answers
    assert (placed.status, placed.trace_id) == (202, trace_id)
    trace = reader.wait_whole(trace_id, placed.order_id, timeout_s=30)
    assert len(trace.find(name="DynamoDB.PutItem")) == 1


def test_the_console_ends_a_verification_before_itself(breakable: Shop, eventually):
    """It first switches off what the verification has switched on."""
    console = find(breakable.state.home, {}).console
    begun = requests.post(f"{console}/verify", json={"ids": ["stock-consumer-stalled"], "scope": "global"}, timeout=5)
    assert begun.status_code == 202

    def on() -> bool:
        return bool(requests.get(f"{console}/chaos/stock-consumer-stalled", timeout=5).json()["on"])

    eventually(on)
    process = breakable._children["console"].process
    process.terminate()
    assert process.wait(timeout=30) == 0
    breakable.restart("console")

    assert not on()


def is_refused(shop: Shop) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", shop.state.ports["orders"])) != 0
