import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from vshop.incidents.loader import load_catalogue
from vshop.incidents.verify import Check, Phase, Verdict
from vshop.incidents.verify.batch import BatchVerifier
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses
from vshop.shop.business_metrics import counts
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader

PREFERENCE = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
INCIDENTS = ("auth-token-expired", "pricing-division-by-zero", "stock-double-decrement", "stock-put-missing-key")
FIGURES = {"orders accepted": 3, "orders handled": 3, "orders refused": 2, "dead letters": 0, "items ordered": 6}


class Quiet:
    def begin(self, incident: str) -> None: ...

    def phase(self, incident: str, phase: Phase, checks: list[Check]) -> None: ...

    def end(self, verdict: Verdict) -> None: ...


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signals")


@pytest.fixture(scope="module")
def shop(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = str(tmp_path_factory.mktemp("deltas"))
    env = {PREFERENCE: "delta", "SHOP_EXPORT_DIR": str(exported)}
    with Shop.start(Options(free_ports=True, home=home, env=env)) as running:
        yield running


def increases(client: ShopClient, before: dict[str, float]) -> dict[str, float]:
    return {name: counts(client.metrics, time.time())[name].total - before[name] for name in FIGURES}


def test_business_figures_count_every_order_once(shop: Shop, client: ShopClient, ordered: Any, eventually: Any) -> None:
    """A foreign service's counter of the same name is not added, and stays visible under its own service."""
    before = {name: one.total for name, one in counts(client.metrics, time.time()).items()}
    exporter = OTLPMetricExporter(f"{shop.addresses['otlp']}/v1/metrics")
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    foreign = MeterProvider([reader], resource=Resource({"service.name": "foreign"}), shutdown_on_exit=False)
    foreign.get_meter("app").create_counter("shop.orders.placed").add(100)
    foreign.shutdown()

    for quantity in (1, 2, 3):
        ordered(3, quantity)
    assert client.place_order(3, 0).status == 400
    assert client.place_order(3, token=None).status == 401

    assert eventually(lambda: increases(client, before) == FIGURES and increases(client, before)) == FIGURES
    assert [one["points"][-1]["value"] for one in client.metrics("shop.orders.placed", "foreign")] == [100]


def test_the_services_send_deltas_and_the_observatory_serves_sums(exported: Path, client: ShopClient) -> None:
    lines = (exported / "metrics.jsonl").read_bytes().splitlines()
    sent = {
        metric["sum"]["aggregationTemporality"]
        for line in lines
        for resource in msgspec.json.decode(line)["resourceMetrics"]
        if {"key": "service.name", "value": {"stringValue": "orders"}} in resource["resource"]["attributes"]
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
        if metric["name"] == "shop.orders.placed"
    }
    assert sent == {1}
    assert {one["temporality"] for one in client.metrics("shop.orders.placed", "orders")} == {"cumulative"}


def test_incidents_are_verified(client: ShopClient, addresses: Addresses) -> None:
    verifier = BatchVerifier(shop=client, traces=TraceReader(addresses.traces), progress=Quiet())
    catalogue = load_catalogue()

    verdicts = verifier.in_parallel([catalogue[name] for name in INCIDENTS])

    assert {one.incident: "; ".join(map(str, one.failed)) for one in verdicts if not one.verified} == {}
    assert all(any(check.what == "metric" for check in one.checks) for one in verdicts)
