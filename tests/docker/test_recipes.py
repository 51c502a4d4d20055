"""The recipes of docs/backends.md for other backends, each with the real server and the commands of the page."""

import json
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import requests
import yaml

import vshop
from observatory.app import create_app
from observatory.forward import from_settings
from observatory.ingest import Receiver
from observatory.store import LogStore, MetricStore, Stores, TraceStore
from tests.waiting import wait_until
from vshop.kit.settings import Settings
from vshop.runtime.model import ports

pytestmark = pytest.mark.timeout(180)
PAGE = (Path(__file__).parents[2] / "docs" / "backends.md").read_text(encoding="utf-8")


class Recipe(NamedTuple):
    servers: list[list[str]]
    target: str
    query: str
    config: str


def recipe(title: str) -> Recipe:
    text = PAGE.partition(f"### {title}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    lines = [shlex.split(line) for line in re.findall(r"^\$ (.+)$", text, re.MULTILINE)]
    query = next((line[1] for line in lines if line[0] == "curl"), "")
    (target,) = (line[3] for line in lines if line[:3] == ["vshop", "up", "--forward"])
    config = text.partition("```yaml\n")[2].partition("```")[0]
    return Recipe([line[2:] for line in lines if line[0] == "docker"], target, query, config)


def send(target: str, signal: str, content: Any) -> None:
    with from_settings(Settings(forward=target)) as forwarding:
        stores = Stores(TraceStore(999, 10**7), LogStore(9, 9999), MetricStore())
        app = create_app(Receiver(stores, forwarding), [])
        assert app.test_client().post(f"/v1/{signal}", json=content).status_code == 200
        assert forwarding.wait_sent(time.monotonic() + 20) == 0
        (counts,) = forwarding.counts()
    assert (counts["forwarded"].get(signal, 0) > 0, counts["lastError"]) == (True, None)


@contextmanager
def running(engine: Any, arguments: list[str], port: int) -> Iterator[Any]:
    image = next(one for one in arguments if re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", one))
    if not engine.images.list(image):
        pytest.skip(f"Run `docker pull {image}` to run this test.")
    moved = [re.sub(r"^127\.0\.0\.1:\d+:", f"127.0.0.1:{port}:", one) for one in arguments]
    ran = subprocess.run(["docker", "run", "--rm", *moved], capture_output=True, text=True, timeout=60, check=True)
    container = engine.containers.get(ran.stdout.strip())
    try:
        yield container
    finally:
        container.remove(force=True)


def at(url: str, port: int) -> str:
    return url.replace(f":{urlsplit(url.partition(';')[0]).port}", f":{port}", 1)


def metrics_now() -> Any:
    """Return the metrics of an order in the golden corpus as if they were measured now: a store refuses old ones."""
    text = json.dumps(vshop.load_corpus()["stock-slow-but-healthy"].otlp("metrics"))
    text = re.sub(r'(?<="startTimeUnixNano": ")\d+', str(time.time_ns() - 60 * 10**9), text)
    return json.loads(re.sub(r'(?<="timeUnixNano": ")\d+', str(time.time_ns()), text))


@pytest.mark.parametrize("title", ["Prometheus", "VictoriaMetrics"])
def test_metrics_arrive_under_the_name_of_the_page(engine: Any, title: str) -> None:
    found, (port,) = recipe(title), ports.free(1)
    with running(engine, found.servers[0], port) as container:
        wait_until(lambda: requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=2).ok)
        if b"Unknown option" in container.logs():
            pytest.skip("Run `docker pull prom/prometheus:v2.53.3` to run this test: Debian's Prometheus receives no OTLP.")
        send(at(found.target, port), "metrics", metrics_now())
        series = wait_until(lambda: requests.get(at(found.query, port), timeout=5).json()["data"]["result"])
    assert {one["metric"]["__name__"] for one in series} == {"shop_orders_placed_total"}
    assert float(series[0]["value"][1]) >= 1


def exporters(engine: Any, image: str) -> set[str]:
    printed = yaml.safe_load(engine.containers.run(image, ["components"], remove=True))
    return {one["name"] for one in printed["exporters"]}


class Zipkin(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("0.0.0.0", 0), _Spans)
        self.spans: list[dict[str, Any]] = []


class _Spans(BaseHTTPRequestHandler):
    server: Zipkin

    def do_POST(self) -> None:
        assert self.path == "/api/v2/spans"
        self.server.spans += json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def zipkin() -> Iterator[Zipkin]:
    with Zipkin() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_zipkin_gets_both_ends_of_the_kafka_hop(engine: Any, zipkin: Zipkin, tmp_path: Path) -> None:
    """Zipkin's DependencyLinker draws a hop of messages between ``localEndpoint`` and ``remoteEndpoint``."""
    found, (port,) = recipe("Zipkin behind a Collector"), ports.free(1)
    config = found.config.replace("127.0.0.1:9411", f"host.docker.internal:{zipkin.server_port}")
    assert config != found.config
    assert yaml.safe_load(config)["exporters"].keys() == {"zipkin"}
    (tmp_path / "zipkin.yaml").write_text(config, encoding="utf-8")
    tmp_path.chmod(0o755)
    collector = found.servers[1]
    image = collector[-1]
    if not engine.images.list(image) or "zipkin" not in exporters(engine, image):
        pytest.skip(f"Run `docker pull {image}` to run this test: it needs the exporter `zipkin`.")
    volume = next(one for one in collector if one.startswith("./zipkin.yaml:")).replace("./", f"{tmp_path}/")
    publish = ["-d", "-p", "127.0.0.1:4319:4318", "--add-host", "host.docker.internal:host-gateway"]
    with running(engine, [*publish, "-v", volume, image], port):
        wait_until(lambda: requests.post(f"http://127.0.0.1:{port}/v1/traces", json={}, timeout=2).ok, 60)
        send(at(found.target, port), "traces", vshop.load_corpus()["stock-slow-but-healthy"].otlp("traces"))
        wait_until(lambda: len(zipkin.spans) >= 7, 30)
    ends = {one["kind"]: (one["localEndpoint"]["serviceName"], one.get("remoteEndpoint")) for one in zipkin.spans}
    assert ends["PRODUCER"] == ("orders", {"serviceName": "kafka"})
    assert ends["CONSUMER"] == ("stock-updater", {"serviceName": "kafka"})
