import subprocess

import pytest

from vshop.runtime.kubernetes.kubectl import NAMESPACE, Kubectl


def apply(kubectl: Kubectl, folder, *options):
    command = kubectl.command("apply", *options, "-k", str(folder))
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def namespace(kubectl: Kubectl, cluster):
    """The namespace: without it nothing in it can be judged. It goes again if it was not there.

    No shop of a test before is in it: pods whose volumes were opened by root would be judged as well.
    """
    cluster.down()
    new = kubectl.run("create", "namespace", NAMESPACE).returncode == 0
    yield
    if new:
        kubectl.run("delete", "namespace", NAMESPACE, timeout_s=120)


@pytest.mark.parametrize("folder", ["overlays/local", "overlays/scale", "overlays/aws", "overlays/tail-sampling", "load"])
def test_the_server_accepts_everything(kubectl: Kubectl, namespace, root, folder):
    """Without a warning: the namespace's policy (restricted) warns of any pod with needless rights."""
    if folder == "overlays/scale" and kubectl.run("get", "crd", "scaledobjects.keda.sh").returncode:
        pytest.skip("Install KEDA in the cluster to run this test: it does not know ScaledObject.")
    manifests = root / "deploy" / "k8s"
    policy = subprocess.run(
        kubectl.command("apply", "--dry-run=server", "-f", str(manifests / "base" / "namespace.yaml")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ran = apply(kubectl, manifests / folder, "--dry-run=server")

    assert (policy.returncode, ran.returncode) == (0, 0), ran.stderr
    assert [line for line in ran.stderr.splitlines() if "last-applied-configuration" not in line] == []
