import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from vshop.runtime.model import ports
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader

pytestmark = pytest.mark.timeout(420)

VSHOP = Path(sys.executable).with_name("vshop")
PUBLISHED = ("ORDERS", "AUTH", "STOCK", "CONSOLE", "OBSERVATORY", "JAEGER", "OTLP", "OTLP_GRPC", "KAFKA", "DYNAMODB", "LOCUST")
SHOP = ("orders", "auth-stub", "stock-updater")


class Running(NamedTuple):
    mode: str
    client: ShopClient
    printed: str
    logs: str


@pytest.fixture(scope="module", params=["none", "zero-code", "ddtrace-run"])
def running(engine, request: pytest.FixtureRequest) -> Iterator[Running]:
    moved = {f"VSHOP_{name}_PORT": str(port) for name, port in zip(PUBLISHED, ports.free(len(PUBLISHED)), strict=True)}
    env = os.environ | moved | {"COMPOSE_PROJECT_NAME": f"virtual-shop-mode-{os.getpid()}", "VSHOP_IMAGE_TAG": "mode"}
    env |= {"SHOP_TELEMETRY": request.param, "OTEL_PROPAGATORS": "b3"}
    if request.param == "ddtrace-run":
        env["VSHOP_AGENT_PACKAGES"] = "ddtrace"
    try:
        up = [VSHOP, "up", "--mode", "compose", "--timeout", "180", "--json"]
        done = subprocess.run(up, env=env, capture_output=True, text=True, timeout=400, check=False)
        assert done.returncode == 0, done.stderr
        client = ShopClient(Addresses(**json.loads(done.stdout)["addresses"]))
        read = ["docker", "compose", "logs", "--no-color", "--no-log-prefix", *SHOP]
        logs = subprocess.run(read, cwd=Path(__file__).parents[2], env=env, capture_output=True, text=True, timeout=60, check=True)
        yield Running(request.param, client, done.stderr, logs.stdout)
    finally:
        down = [VSHOP, "down", "--mode", "compose", "--volumes"]
        subprocess.run(down, env=env, capture_output=True, timeout=120, check=True)


def test_an_order_and_a_switch_of_one_request_work(running: Running, eventually: Any) -> None:
    before = running.client.item(2)["ordered"]
    assert running.client.telemetry_mode() == running.mode
    placed = running.client.place_order(2, quantity=3)
    broken = running.client.place_order(2, headers={"x-shop-chaos": "stock-put-missing-key"})

    assert placed.accepted
    eventually(lambda: running.client.item(2)["ordered"] == before + 3, 30)
    eventually(lambda: any(str(broken.order_id) in one["value"] for one in running.client.dead_letters()), 30)


def test_no_secret_is_stored(running: Running, eventually: Any) -> None:
    placed = running.client.place_order(3)
    if running.mode == "zero-code":
        eventually(lambda: placed.trace_id and TraceReader(running.client.addresses.traces).get(placed.trace_id).spans, 30)
    query = {"service": "orders", "limit": "200"}
    stored = requests.get(f"{running.client.addresses.traces}/api/traces", query, timeout=30).text
    for text in (stored, requests.get(f"{running.client.addresses.observatory}/api/logs", timeout=30).text, running.logs):
        assert "eyJ" not in text
    assert ("traceID" in stored) == (running.mode == "zero-code")


def test_variables_of_the_shell_are_reported(running: Running) -> None:
    assert "OTEL_PROPAGATORS: ignored, because containers take no variables of the shell" in running.printed
    assert "Traceback" not in running.logs
