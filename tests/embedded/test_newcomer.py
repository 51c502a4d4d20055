import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vshop.shop.traces import TraceReader

ROOT = Path(__file__).parents[2]


@pytest.fixture
def env(shop) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "VSHOP_", "OTEL_"))}
    return kept | {"VSHOP_HOME": shop.state.home, "COLUMNS": "80", "BROWSER": "true"}


@pytest.fixture
def vshop(env) -> Callable[..., subprocess.CompletedProcess[str]]:
    def go(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name("vshop"), *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return go


def test_many_orders_are_placed_and_reported(vshop, client):
    before = client.item(4)["ordered"]
    done = vshop("order", "--count", "5", "--item", "4", "--json")

    assert done.returncode == 0
    assert client.item(4)["ordered"] == before + 5
    text = vshop("order", "--count", "3", "--item", "4").stdout
    assert re.search(r"\b3\b", text)


@pytest.mark.slow
def test_open_prints_the_page_and_the_newest_trace(vshop, client, shop):
    console = shop.addresses["console"]
    placed = client.place_order(4)
    client.flush()

    assert console in vshop("open").stdout
    assert f"{console}/traces/{placed.trace_id}" in vshop("open", "--last").stdout
    assert f"{console}/traces/{placed.trace_id}" in vshop("open", placed.trace_id[:12]).stdout
    assert f"{console}/traces/{placed.trace_id}" in vshop("open", str(placed.order_id)).stdout
    unknown = vshop("open", "ffffffff")
    assert (unknown.returncode, "ffffffff" in unknown.stderr) == (1, True)


@pytest.mark.parametrize("command", ["status", "metrics", "alerts"])
def test_watch_prints_again_until_it_is_stopped(env, command):
    watching = subprocess.Popen(
        [Path(sys.executable).with_name("vshop"), command, "--watch"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = iter(watching.stdout)
    first = next(line for line in lines if line.strip())
    assert next(line for line in lines if line.strip() == first.strip())
    watching.terminate()  # not SIGINT: a suite in the background ignores it, and so do its children
    _, errors = watching.communicate(timeout=30)

    assert "Traceback" not in errors


def test_an_exception_is_shown_below_its_log_line(vshop, client, eventually):
    placed = client.place_order(4, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    eventually(lambda: any(one["exception"] for one in client.logs(traceId=placed.trace_id)), 30)

    shown = vshop("logs", "--trace", placed.trace_id).stdout
    assert "the order cannot be handled" in shown
    assert "Missing the key id in the item" in shown


def test_a_running_shop_refuses_options_that_it_cannot_take(vshop):
    refused = vshop("up", "--port", "orders=18999")

    assert refused.returncode == 1
    assert "--port" in refused.stderr


def test_the_loyalty_service_follows_the_shops_ports(env, vshop, client, eventually):
    exports = vshop("env").stdout
    script = f"{exports}\nexec {sys.executable} docs/workshop/loyalty_solved.py"
    process = subprocess.Popen(["bash", "-c", script], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        placed = client.place_order(4)
        reader = TraceReader(client.addresses.traces)
        eventually(lambda: "loyalty" in {span.service for span in reader.get(placed.trace_id).spans}, 60)
    finally:
        process.terminate()
        process.wait(30)
