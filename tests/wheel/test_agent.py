import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tests.wheel.conftest import uv
from vshop.runtime.local.shop import Shop
from vshop.runtime.model import processes
from vshop.runtime.model.options import Options
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

INCIDENT = "stock-put-missing-key"


class Receiver(http.server.BaseHTTPRequestHandler):
    received = bytearray()

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.received.extend(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            self.received.extend(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self):
        self.do_POST()

    def do_PUT(self):
        self.do_POST()

    def log_message(self, *_):
        """Be quiet."""


@pytest.fixture(scope="module")
def shop(proxies, tmp_path_factory) -> Iterator[Shop]:
    """A shop under ``ddtrace-run``, which also replaces OpenTelemetry's tracer provider."""
    folder = tmp_path_factory.mktemp("agent")
    # Without its dependencies: OpenTelemetry's API and wrapt are the shop's.
    packages = ["--no-deps", "ddtrace", "envier", "bytecode"]
    uv(proxies, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder / "ddtrace"), *packages)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = processes.python_path({"PYTHONPATH": str(folder / "ddtrace")})
    env = {
        "SHOP_TELEMETRY": f"env PYTHONPATH={path} {folder}/ddtrace/bin/ddtrace-run",
        "DD_TRACE_AGENT_URL": f"http://127.0.0.1:{server.server_port}",
        "DD_TRACE_OTEL_ENABLED": "true",
    }
    with Shop.start(Options(free_ports=True, home=str(folder / "home"), env=env, aot=False, timeout_s=100)) as running:
        yield running
    server.shutdown()
    server.server_close()


def test_the_shop_works_and_tells_the_agent_no_secret(shop):
    client = ShopClient(find(shop.state.home, {}))
    token = client.token()

    placed = client.place_order(2, 2, token=token)
    broken = client.place_order(3, token=token, headers={"baggage": f"shop.chaos={INCIDENT}"})

    wait_until(lambda: placed.order_id in client.item(2)["recent"])
    (letter,) = wait_until(client.dead_letters)
    assert broken.order_id in letter["value"]
    assert client.replay(letter["id"])["replayed"] is True
    wait_until(lambda: broken.order_id in client.item(3)["recent"])
    assert client.flush().complete
    spans = ("flask.request", "requests.request", "kafka.produce", "kafka.consume", "PutItem", str(placed.order_id))
    wait_until(lambda: all(name.encode() in Receiver.received for name in spans))
    assert [part for part in (*token.split("."), 'shopper"', INCIDENT) if part[:24].encode() in Receiver.received] == []
    logs = Path(shop.state.home) / "logs"
    assert "ddtrace.internal.opentelemetry.trace.TracerProvider, without payloads" in (logs / "orders.log").read_text()
    assert "ddtrace" not in (logs / "observatory.log").read_text()
