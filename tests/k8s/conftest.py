"""What the overlays render to; and, where one answers, a cluster with the shop in it."""

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
from vshop.addresses import Addresses
from vshop.client import ShopClient
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.cluster.symptoms import VOLUME_REMEDY
from vshop.traces import TraceReader

ROOT = Path(__file__).parents[2]
OVERLAYS = ROOT / "deploy" / "k8s" / "overlays"
WORKLOADS = ("deployment/orders", "deployment/stock-updater", "statefulset/kafka", "statefulset/dynamodb")
VSHOP = Path(sys.executable).with_name("vshop")

Rendered = Callable[[str], list[dict[str, Any]]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the pods said last with a failed test: they are gone when somebody reads of it."""
    report = yield
    if report.failed and isinstance(kubectl := getattr(item, "funcargs", {}).get("kubectl"), Kubectl):
        for workload in WORKLOADS:
            said = kubectl.run("logs", workload, "--container=main", "--tail=80")
            report.sections.append((f"{workload} said last", said.stdout or said.stderr))
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def rendered() -> Rendered:
    """Render an overlay, by ``kubectl kustomize``, each once."""
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl here to render the manifests with")
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
    """Wait until a condition holds, 120 s unless told otherwise, and return what it answered."""

    def wait(condition: Callable[[], Any], timeout_s: float = 120.0) -> Any:
        return wait_until(condition, timeout_s)

    return wait


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """The cluster to test on: that of the current context, when VSHOP_TEST_K8S says that it may be used."""
    if not os.environ.get("VSHOP_TEST_K8S"):
        pytest.skip("VSHOP_TEST_K8S=1 runs this on the cluster that kubectl knows; it makes and deletes the namespace virtual-shop")
    return Kubectl.current()


@pytest.fixture(scope="session")
def run_vshop(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Run a command of ``vshop`` with a home of its own and return the JSON that it printed."""
    env = os.environ | {"VSHOP_HOME": str(tmp_path_factory.mktemp("k8s-home"))}

    def run(*arguments: str, as_json: bool = True) -> Any:
        command = [VSHOP, *arguments, *(["--json"] if as_json else [])]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)
        if VOLUME_REMEDY in " ".join(ran.stderr.split()):
            raise VolumesRefusedError(ran.stderr)
        assert ran.returncode == 0, f"{arguments}: {ran.stdout}\n{ran.stderr}"
        return json.loads(ran.stdout) if as_json else ran.stdout

    return run


class VolumesRefusedError(Exception):
    """The cluster makes volumes for root alone; the command said what to do."""


class Cluster:
    """Holds one shop at a time; modules that want the same overlay share it."""

    def __init__(self, run: Callable[..., Any]) -> None:
        """Args: run: runs a command of ``vshop``."""
        self._run = run
        self._overlay, self._printed = "", dict[str, Any]()
        self._volumes = list[str]()

    def up(self, overlay: str) -> dict[str, Any]:
        """Return what ``vshop up --mode k8s`` printed, the shop running.

        ``VSHOP_TEST_K8S_IMAGE`` names an image that the cluster has; else one is built, and loaded by ``VSHOP_K8S_LOAD``. Where the
        command says that this cluster's volumes have to be opened, that is done.
        """
        if overlay != self._overlay:
            self.down()
            image = os.environ.get("VSHOP_TEST_K8S_IMAGE")
            named = ["--image", image] if image else []
            asked = ["up", "--mode", "k8s", "--overlay", overlay, "--timeout", "400", "--free-ports", *named, *self._volumes]
            self._overlay = overlay
            try:
                self._printed = self._run(*asked)
            except VolumesRefusedError:
                self._volumes = ["--volume-permissions"]
                self._printed = self._run(*asked, *self._volumes)
        return self._printed

    def down(self) -> None:
        """Take it out again."""
        if self._overlay:
            self._overlay = ""
            self._run("down", "--mode", "k8s", as_json=False)


@pytest.fixture(scope="session")
def cluster(run_vshop: Callable[..., Any]) -> Iterator[Cluster]:
    """The cluster, empty at the end."""
    held = Cluster(run_vshop)
    yield held
    held.down()


@pytest.fixture(scope="module")
def up(cluster: Cluster, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What ``vshop up --mode k8s`` printed of the overlay that the module names."""
    return cluster.up(request.module.OVERLAY)


@pytest.fixture(scope="module")
def addresses(up: dict[str, Any]) -> Addresses:
    """Where the parts are."""
    return Addresses(**up["addresses"])


@pytest.fixture(scope="module")
def client(addresses: Addresses) -> ShopClient:
    """A shopper."""
    return ShopClient(addresses)


@pytest.fixture(scope="module")
def reader(addresses: Addresses) -> TraceReader:
    """Reads from the cluster's Jaeger."""
    return TraceReader(addresses.traces)
