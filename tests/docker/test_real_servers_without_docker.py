"""DynamoDB Local and a real Jaeger as processes: ``vshop up --dynamodb local --jaeger PATH`` and ``--jaeger auto``."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from vshop.incidents.loader import load_catalogue
from vshop.incidents.verify import verify
from vshop.runtime.backends import jaeger
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.runtime.model.progress import silent
from vshop.shop.addresses import Addresses, find
from vshop.shop.client import ShopClient
from vshop.shop.first_order import Followed, follow
from vshop.shop.traces import TraceReader

JAEGER = "jaegertracing/jaeger:2.13.0"
CATALOGUE = load_catalogue()


@pytest.fixture(scope="module")
def program(engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    container = engine.containers.create(JAEGER)
    try:
        packed = b"".join(container.get_archive("/cmd/jaeger/jaeger-linux")[0])
    finally:
        container.remove()
    folder = tmp_path_factory.mktemp("bin")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return (folder / "jaeger-linux").rename(folder / "jaeger")


@pytest.fixture(scope="module")
def shop(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = str(tmp_path_factory.mktemp("real"))
    options = Options(home=home, free_ports=True, dynamodb="local", jaeger=str(program), aot=False, timeout_s=100)
    with Shop.start(options) as running:
        yield running


@pytest.fixture(scope="module")
def addresses(shop: Shop) -> Addresses:
    return find(shop.state.home, {})


@pytest.fixture(scope="module")
def followed(addresses: Addresses) -> Followed:
    return follow(ShopClient(addresses), TraceReader(addresses.traces), timeout_s=60)


def test_traces_are_jaegers_and_the_observatorys(followed: Followed, shop: Shop, addresses: Addresses, eventually: Any):
    assert followed.placed.trace_url == f"{shop.addresses['jaeger']}/trace/{followed.placed.trace_id}"
    assert (addresses.traces, addresses.observatory) == (shop.addresses["jaeger"], shop.addresses["observatory"])
    assert "html" in requests.get(addresses.traces, timeout=10).headers["Content-Type"]
    handed_on = TraceReader(addresses.observatory)
    spans = {span.span_id for span in TraceReader(addresses.traces).get(followed.placed.trace_id).spans}
    eventually(lambda: {span.span_id for span in handed_on.get(followed.placed.trace_id).spans} == spans)


def test_nothing_listens_beyond_loopback(shop: Shop):
    """DynamoDB Local's own main class would listen everywhere."""
    for part in ("dynamodb", "jaeger"):
        process = psutil.Process(shop.state.processes[part].pid)
        bound = {c.laddr.ip for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        assert bound <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}, (part, bound)
        assert bound


def test_each_is_restarted_with_its_data(followed: Followed, shop: Shop, addresses: Addresses):
    before = ShopClient(addresses).item(0)
    shop.restart("dynamodb")
    shop.restart("jaeger")
    assert ShopClient(addresses).item(0) == before
    assert len(TraceReader(addresses.traces).get(followed.placed.trace_id).spans) == len(followed.trace.spans)


@pytest.mark.parametrize("name", ["stock-put-missing-key", "orders-context-lost"])
def test_incidents_are_verified_on_them(name: str, addresses: Addresses):
    verdict = verify(CATALOGUE[name], ShopClient(addresses), TraceReader(addresses.traces))
    assert verdict.verified, "\n".join(map(str, verdict.failed))


def test_auto_finds_the_program_on_the_path(program: Path, monkeypatch: pytest.MonkeyPatch):
    wanted = Options(jaeger="auto")
    monkeypatch.setenv("PATH", str(program.parent))
    settled = jaeger.resolve(wanted, silent)
    assert (settled.jaeger, settled.parts) == (str(program), (*wanted.parts, "jaeger"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert jaeger.resolve(wanted, silent) == Options(jaeger="none")
