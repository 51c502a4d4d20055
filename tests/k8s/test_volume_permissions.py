"""The component that opens volumes in clusters that ignore fsGroup."""

import subprocess

import pytest
import yaml

from vshop.runtime.kubernetes import overlay

OVERLAYS = ("local", "scale", "aws", "tail-sampling")


@pytest.fixture
def opened(rendered, tmp_path):
    def render(name):
        rendered(name)  # which skips where nothing renders
        folder = overlay.build(overlay.find(name), "virtual-shop:1", "", {}, tmp_path / "k8s", volume_permissions=True)
        ran = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        return list(yaml.safe_load_all(ran.stdout))

    return render


def workloads(objects):
    return {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] in ("Deployment", "StatefulSet")}


@pytest.mark.parametrize("name", OVERLAYS)
def test_component_opens_each_volume_and_changes_no_other_pod(rendered, opened, name):
    plain, changed = workloads(rendered(name)), workloads(opened(name))

    assert plain.keys() == changed.keys()
    for workload, spec in changed.items():
        pod = spec["template"]["spec"]
        claimed = {one["name"] for one in pod.get("volumes", ()) if "persistentVolumeClaim" in one}
        claimed |= {one["metadata"]["name"] for one in spec.get("volumeClaimTemplates", ())}
        first = pod.get("initContainers", [])
        assert {mount["name"] for one in first for mount in one["volumeMounts"]} == claimed, workload
        assert {one["image"] for one in first} <= {"virtual-shop:1"}, workload
        before = plain[workload]["template"]["spec"]
        assert pod["securityContext"] == before["securityContext"], workload
        assert [one["securityContext"] for one in pod["containers"]] == [one["securityContext"] for one in before["containers"]]


@pytest.mark.parametrize("name", OVERLAYS)
def test_init_container_has_no_other_rights(opened, name):
    objects = opened(name)

    for spec in workloads(objects).values():
        for container in spec["template"]["spec"].get("initContainers", ()):
            security = container["securityContext"]
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert (security["privileged"], security["allowPrivilegeEscalation"]) == (False, False)
            assert security["readOnlyRootFilesystem"] is True
            assert container["resources"]["limits"].keys() == {"cpu", "memory"}
    (namespace,) = [one["metadata"] for one in objects if one["kind"] == "Namespace"]
    assert {value for key, value in namespace["labels"].items() if key.startswith("pod-security")} == {"baseline"}
    assert namespace["annotations"] == {overlay.ANNOTATION: name}
