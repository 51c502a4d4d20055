import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from vshop.incidents.loader import load_catalogue
from vshop.incidents.verify import verify
from vshop.runtime.model import ports
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.traces import Trace, TraceReader, missing_hop

pytestmark = pytest.mark.timeout(420)  # whichever test comes first also waits for what it needs to be built or started

ROOT = Path(__file__).parents[2]
VSHOP = Path(sys.executable).with_name("vshop")
PROJECT = f"virtual-shop-test-{os.getpid()}"
PUBLISHED = ("ORDERS", "AUTH", "STOCK", "CONSOLE", "OBSERVATORY", "JAEGER", "OTLP", "OTLP_GRPC", "KAFKA", "DYNAMODB", "LOCUST")
CATALOGUE = load_catalogue()
LOCUST = "locustio/locust:2.47.0"


@pytest.fixture(scope="module")
def env(engine) -> dict[str, str]:
    """An own project, image tag and ports, so that a running shop is left alone."""
    moved = {f"VSHOP_{name}_PORT": str(port) for name, port in zip(PUBLISHED, ports.free(len(PUBLISHED)), strict=True)}
    return os.environ | moved | {"COMPOSE_PROJECT_NAME": PROJECT, "VSHOP_IMAGE_TAG": "test"}


def compose(env: dict[str, str], *arguments: str) -> str:
    return subprocess.run(
        ["docker", "compose", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240, check=True
    ).stdout


def vshop(env: dict[str, str], *arguments: str) -> Any:
    ran = subprocess.run([VSHOP, *arguments, "--json"], env=env, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, f"{arguments}: {ran.stdout}\n{ran.stderr}"
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def up(env) -> Iterator[dict[str, Any]]:
    try:
        yield vshop(env, "up", "--mode", "compose", "--timeout", "180")
    finally:
        subprocess.run([VSHOP, "down", "--mode", "compose", "--volumes"], env=env, timeout=120, check=True)


@pytest.fixture(scope="module")
def addresses(up) -> Addresses:
    return Addresses(**up["addresses"])


@pytest.fixture(scope="module")
def client(addresses: Addresses) -> ShopClient:
    return ShopClient(addresses)


@pytest.fixture(scope="module")
def attached(env, addresses: Addresses) -> dict[str, str]:
    return env | {f"VSHOP_{name.upper()}_URL": getattr(addresses, name) for name in Addresses.__struct_fields__}


def shape(trace: Trace) -> list[tuple[Any, ...]]:
    return [(span.span_id, span.parent_id, span.service, span.kind, span.name, span.status) for span in trace.spans]


def test_compose_file_is_valid(env):
    ran = subprocess.run(
        ["docker", "compose", "config", "--quiet"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_one_command_and_the_first_order_is_one_whole_trace(up, addresses: Addresses):
    trace = TraceReader(addresses.traces).get(up["traceId"])
    assert missing_hop(trace) is None
    assert len(trace.spans) == 7
    assert requests.get(f"{addresses.traces}/", timeout=10).headers["Content-Type"].startswith("text/html"), "Jaeger's page"


def test_memory_and_number_of_containers_are_bounded(up):
    assert 7 <= len(up["containers"]) <= 8
    assert all(one["residentBytes"] > 5e6 for one in up["containers"])
    assert sum(one["residentBytes"] for one in up["containers"]) < 1.5e9


def test_commands_work_unchanged(attached, up):
    status = vshop(attached, "status")
    assert status["ready"]
    assert set(status["parts"]) == set(up["addresses"])
    order = vshop(attached, "order", "--item", "3")
    assert vshop(attached, "trace", order["traceId"])["missing"] is None
    assert vshop(attached, "stock", "3")["ordered"] == 1
    logged = vshop(attached, "logs", "--trace", order["traceId"])
    assert {"orders", "stock-updater"} <= {record["service"] for record in logged}


def test_the_consoles_page_reaches_every_part(addresses: Addresses):
    assert "<html" in requests.get(f"{addresses.console}/", timeout=10).text
    assert requests.get(f"{addresses.console}/api/shop", timeout=10).json()["jaeger"] == f"{addresses.traces}/trace/{{traceId}}"
    placed = requests.post(f"{addresses.console}/api/shop/customers", json={"count": 3}, timeout=30)
    assert (placed.status_code, len(placed.json()["orders"])) == (200, 3)
    for path in ("shop/stock", "traces", "alerts", "map"):
        assert requests.get(f"{addresses.console}/api/{path}", timeout=10).status_code == 200, path


def test_no_span_is_lost_on_either_way(client: ShopClient, addresses: Addresses):
    token = client.token()
    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(lambda number: client.place_order(number % 9, token=token), range(100)))
        assert all(one.accepted for one in placed)
        jaeger, observatory = TraceReader(addresses.traces), TraceReader(addresses.observatory)
        whole = list(pool.map(lambda one: jaeger.wait_whole(one.trace_id, one.order_id, 60), placed))
        # Whole is not yet quiet: a hop's own calls arrive with it or just after.
        whole = [jaeger.wait(one.trace_id, lambda trace: len(trace.spans) >= 7, 30) for one in whole]
        handed_on = [observatory.wait(one.trace_id, lambda trace: len(trace.spans) >= 7, 30) for one in placed]
    assert [shape(trace) for trace in handed_on] == [shape(trace) for trace in whole]


def test_containers_have_no_needless_rights(up, engine):
    found = engine.containers.list(filters={"label": f"com.docker.compose.project={PROJECT}"})
    assert len(found) == len(up["containers"])
    for container in found:
        host, config = container.attrs["HostConfig"], container.attrs["Config"]
        assert config["User"] not in {"", "root", "0"}, container.name
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False), container.name
        assert 0 < host["Memory"] <= 512 * 2**20, container.name
        published = [binding["HostIp"] for bindings in host["PortBindings"].values() for binding in bindings]
        assert set(published) <= {"127.0.0.1"}, container.name
        assert (container.attrs["State"]["OOMKilled"], container.attrs["RestartCount"]) == (False, 0), container.name


@pytest.mark.parametrize("incident", CATALOGUE.values(), ids=list(CATALOGUE))
def test_incident_is_verified(incident, client: ShopClient, addresses: Addresses):
    verdict = verify(incident, client, TraceReader(addresses.traces))
    assert verdict.verified, "\n".join(map(str, verdict.failed))


def test_profile_load_accounts_for_its_orders(env, attached, engine):
    if not engine.images.list(LOCUST):
        pytest.skip(f"Run `docker pull {LOCUST}` to run this test.")
    url = f"http://127.0.0.1:{env['VSHOP_LOCUST_PORT']}"
    compose(env, "--profile", "load", "up", "--detach", "--no-build", "--wait", "--wait-timeout", "120", "locust", "locust-worker")
    command = [sys.executable, "-m", "loadtest", "load", "--locust", url, "--users=4", "--rate=5", "--time=8s", "--json"]
    ran = subprocess.run(command, cwd=ROOT, env=attached, capture_output=True, text=True, timeout=240, check=False)
    report = json.loads(ran.stdout)
    assert (report["problems"], ran.returncode) == ([], 0)
    assert report["handled"] == report["tracesWhole"] == report["accepted"] > 5
    compose(env, "--profile", "load", "rm", "--stop", "--force", "locust", "locust-worker")


def test_orders_stock_and_traces_outlive_a_restart(env, up, attached, client: ShopClient, addresses: Addresses):
    before = {item["id"]: item["stock"] for item in client.stock()}
    for turn in (requests.put, requests.delete):
        assert turn(f"{addresses.console}/chaos/pricing-type-error", timeout=10).ok
    journal = requests.get(f"{addresses.console}/journal", timeout=10).text
    compose(env, "restart", "--timeout", "10", "kafka", "dynamodb", "jaeger", "console")
    compose(env, "up", "--detach", "--no-build", "--wait", "--wait-timeout", "120")
    assert requests.get(f"{addresses.console}/journal", timeout=10).text == journal
    assert "pricing-type-error" in journal
    assert {item["id"]: item["stock"] for item in client.stock()} == before
    assert missing_hop(TraceReader(addresses.traces).get(up["traceId"])) is None
    order = vshop(attached, "order", "--item", "2", "--timeout", "60")
    assert client.item(2)["stock"] == before[2] - 1, order["traceId"]
