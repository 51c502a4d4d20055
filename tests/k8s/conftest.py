"""The rendered overlays, and a cluster with the shop in it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.waiting import Eventually, wait_until
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.kubernetes.rollout import VOLUME_REMEDY
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader

ROOT = Path(__file__).parents[2]
OVERLAYS = ROOT / "deploy" / "k8s" / "overlays"
WORKLOADS = ("deployment/orders", "deployment/stock-updater", "statefulset/kafka", "statefulset/dynamodb")
VSHOP = Path(sys.executable).with_name("vshop")

Rendered = Callable[[str], list[dict[str, Any]]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and isinstance(kubectl := getattr(item, "funcargs", {}).get("kubectl"), Kubectl):
        for workload in WORKLOADS:
            said = kubectl.run("logs", workload, "--container=main", "--tail=80")
            report.sections.append((f"{workload} said last", said.stdout or said.stderr))
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def rendered() -> Rendered:
    if shutil.which("kubectl") is None:
        pytest.skip("Install kubectl, which renders the manifests, to run this test.")
    kept: dict[str, list[dict[str, Any]]] = {}

    def render(overlay: str) -> list[dict[str, Any]]:
        if overlay not in kept:
            command = ["kubectl", "kustomize", str(OVERLAYS / overlay)]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert ran.returncode == 0, ran.stderr
            kept[overlay] = list(yaml.safe_load_all(ran.stdout))
        return kept[overlay]

    return render


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    def wait(condition: Callable[[], Any], timeout_s: float = 120.0) -> Any:
        return wait_until(condition, timeout_s)

    return wait


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """The current context's cluster, if VSHOP_TEST_K8S allows its use."""
    if not os.environ.get("VSHOP_TEST_K8S"):
        pytest.skip(
            "Set VSHOP_TEST_K8S=1 to run this test on the cluster that kubectl knows, in its namespace virtual-shop, "
            "which is made and deleted."
        )
    return Kubectl.current()


@pytest.fixture(scope="session")
def run_vshop(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    env = os.environ | {"VSHOP_HOME": str(tmp_path_factory.mktemp("k8s-home"))}

    def run(*arguments: str, as_json: bool = True, **variables: str) -> Any:
        command = [VSHOP, *arguments, *(["--json"] if as_json else [])]
        ran = subprocess.run(command, env=env | variables, capture_output=True, text=True, timeout=600, check=False)
        if VOLUME_REMEDY in " ".join((ran.stdout + ran.stderr).split()):
            raise VolumesRefusedError(ran.stdout + ran.stderr)
        assert ran.returncode == 0, f"{arguments}: {ran.stdout}\n{ran.stderr}"
        return json.loads(ran.stdout) if as_json else ran.stdout

    return run


class VolumesRefusedError(Exception):
    """Only root may write to the volumes of this cluster."""


class Cluster:
    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run
        self._running, self._printed = "", dict[str, Any]()
        self._volumes = list[str]()

    def up(self, overlay: str, telemetry: str = "sdk") -> dict[str, Any]:
        """Return what ``vshop up --mode k8s`` printed, the shop running.

        ``VSHOP_TEST_K8S_IMAGE`` names an image that the cluster has; else one is built, and loaded by ``VSHOP_K8S_LOAD``. Where the
        command says that this cluster's volumes have to be opened, that is done.
        """
        wanted = f"{overlay} {telemetry}"
        if wanted != self._running:
            self.down()
            image = os.environ.get("VSHOP_TEST_K8S_IMAGE")
            named = ["--image", image] if image else []
            asked = ["up", "--mode", "k8s", "--overlay", overlay, "--timeout", "400", "--free-ports", *named, *self._volumes]
            self._running = wanted
            try:
                self._printed = self._run(*asked, SHOP_TELEMETRY=telemetry)
            except VolumesRefusedError:
                self._volumes = ["--volume-permissions"]
                self._printed = self._run(*asked, *self._volumes, SHOP_TELEMETRY=telemetry)
        return self._printed

    def down(self) -> None:
        if self._running:
            self._running = ""
            self._run("down", "--mode", "k8s", as_json=False)


@pytest.fixture(scope="session")
def cluster(run_vshop: Callable[..., Any]) -> Iterator[Cluster]:
    held = Cluster(run_vshop)
    yield held
    held.down()


@pytest.fixture(scope="module")
def up(cluster: Cluster, request: pytest.FixtureRequest) -> dict[str, Any]:
    return cluster.up(request.module.OVERLAY)


@pytest.fixture(scope="module")
def addresses(up: dict[str, Any]) -> Addresses:
    return Addresses(**up["addresses"])


@pytest.fixture(scope="module")
def client(addresses: Addresses) -> ShopClient:
    return ShopClient(addresses)


@pytest.fixture(scope="module")
def reader(addresses: Addresses) -> TraceReader:
    return TraceReader(addresses.traces)
