import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import Eventually
from vshop.runtime.kubernetes import image, overlay, rollout
from vshop.runtime.kubernetes.forwards import Forward
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.model import ports
from vshop.runtime.model.progress import silent
from vshop.shop.client import ShopClient

OVERLAY = "local"
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def locust(up, kubectl: Kubectl, root: Path) -> Iterator[str]:
    manifests = root / "deploy" / "k8s" / "load"
    image.load(kubectl, os.environ.get("VSHOP_K8S_LOAD", ""), overlay.images(kubectl, manifests), silent)
    kubectl.apply(manifests)
    (port,), stop = ports.free(1), threading.Event()
    forward = threading.Thread(target=Forward(kubectl, "locust", 8089, port, stop).run)
    try:
        rollout.wait(kubectl, 300, silent)
        forward.start()
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        if forward.is_alive():
            forward.join()
        assert kubectl.run("delete", "-k", str(manifests), "--wait=true", timeout_s=120).returncode == 0


def test_one_and_two_replicas(locust: str, up, kubectl: Kubectl, client: ShopClient, root: Path, eventually: Eventually):
    at = {f"VSHOP_{name.upper()}_URL": url for name, url in up["addresses"].items()}
    before, deployments = client.stock(), kubectl.json("get", "deployment", "orders", "stock-updater")["items"]
    asked = ["--counts=1,2", "--time=5s", "--users=4", f"--locust={locust}", "--json"]
    command, env = [sys.executable, "-m", "loadtest", "replicas", *asked], os.environ | at
    ran = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=900, check=False)

    assert ran.returncode == 0, ran.stderr
    measured = json.loads(ran.stdout)
    assert [one["replicas"] for one in measured] == [1, 2]
    for one in measured:
        assert one["accepted"] == one["handled"] > 10
        assert 0 < one["p50S"] <= one["p95S"]
        assert one["cpuMs"].keys() >= {"orders", "stock-updater", "auth-stub", "kafka", "dynamodb", "jaeger", "locust-worker"}
        assert all(one["cpuMs"][name] > 0 for name in ("orders", "stock-updater", "kafka"))
    rollout.wait(kubectl, 300, silent)
    after = kubectl.json("get", "deployment", "orders", "stock-updater")["items"]
    assert [one["spec"]["template"]["spec"] for one in after] == [one["spec"]["template"]["spec"] for one in deployments]
    assert [one["spec"].get("replicas") for one in after] == [one["spec"].get("replicas") for one in deployments]
    # A forward lets go of a pod that is gone at its next try, within two seconds.
    assert eventually(lambda: client.place_order(1).accepted)
    assert [item["id"] for item in eventually(client.stock)] == [item["id"] for item in before]
