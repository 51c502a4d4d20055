import re

import pytest
import yaml

from vshop.kit.settings import Settings, load, table
from vshop.runtime.kubernetes.kubectl import NAMESPACE
from vshop.runtime.model.parts import PUBLISHED

OVERLAYS = ("local", "scale", "aws", "tail-sampling")
SERVICES = {"orders", "auth-stub", "stock-updater", "console", "observatory"}
pytestmark = pytest.mark.parametrize("overlay", OVERLAYS)


def of_kind(objects, *kinds):
    return {one["metadata"]["name"]: one for one in objects if one["kind"] in kinds}


def workloads(objects):
    for name, one in of_kind(objects, "Deployment", "StatefulSet").items():
        pod = one["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        yield name, pod, container


def settings_of(objects):
    (found,) = (one["data"] for name, one in of_kind(objects, "ConfigMap").items() if name.startswith("shop-"))
    return found


def test_every_part_is_there(rendered, overlay):
    objects = rendered(overlay)
    stand_ins = set() if overlay == "aws" else {"kafka", "dynamodb"}
    collector = {"collector"} if overlay == "tail-sampling" else set()

    assert {name for name, *_ in workloads(objects)} == SERVICES | {"jaeger"} | stand_ins | collector
    assert {one["metadata"].get("namespace") for one in objects if one["kind"] != "Namespace"} == {NAMESPACE}
    assert of_kind(objects, "Namespace").keys() == {NAMESPACE}


def test_pods_have_no_needless_rights(rendered, overlay):
    for name, pod, container in workloads(rendered(overlay)):
        security = pod["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"] > 0) == (True, True), name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False), name
        assert {"hostNetwork", "hostPID", "hostIPC"} & pod.keys() == set(), name
        assert pod["shareProcessNamespace"] is True, name  # else a crash cannot be made: nobody kills a pod's first process
        assert not [volume for volume in pod.get("volumes", ()) if "hostPath" in volume], name
        assert container["securityContext"] == {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_every_pod_has_limits_and_three_probes(rendered, overlay):
    for name, _pod, container in workloads(rendered(overlay)):
        for kind in ("requests", "limits"):
            assert container["resources"][kind].keys() == {"cpu", "memory"}, name
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert {"httpGet", "exec"} & container[probe].keys(), (name, probe)
        if name in SERVICES:
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz", name
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", name


def test_images_are_pinned(rendered, overlay):
    for name, _pod, container in workloads(rendered(overlay)):
        assert re.fullmatch(r"virtual-shop:local|[\w/.-]+:\d+\.\d+\.\d+", container["image"]), name
        assert container["imagePullPolicy"] == "IfNotPresent", name


def test_servers_are_those_of_compose(rendered, overlay, root):
    compose = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    for name, _pod, container in workloads(rendered(overlay)):
        if name not in SERVICES:
            assert container["image"] == compose[name]["image"], name


def test_settings_exist_and_are_valid(rendered, overlay):
    settings = settings_of(rendered(overlay))
    own = {key: value for key, value in settings.items() if key.startswith("SHOP_")}

    assert own.keys() <= {variable for variable, *_ in table()}
    assert isinstance(load(own), Settings)
    for name, _pod, container in workloads(rendered(overlay)):
        named = {one["name"] for one in container.get("env", ()) if one["name"].startswith("SHOP_")}
        assert named <= {variable for variable, *_ in table()}, name


def test_every_address_is_a_service(rendered, overlay):
    objects, addressed = rendered(overlay), set()
    services = {(name, port["port"]) for name, one in of_kind(objects, "Service").items() for port in one["spec"]["ports"]}
    for key, value in settings_of(objects).items():
        if key not in {"SHOP_TRACE_URL", "SHOP_KAFKA_BOOTSTRAP"}:
            addressed |= {(host, int(port)) for host, port in re.findall(r"http://([\w-]+):(\d+)", value)}

    assert addressed <= services
    assert set(PUBLISHED.values()) <= services
    for name, one in of_kind(objects, "Service").items():
        selected = one["spec"]["selector"]["app.kubernetes.io/name"]
        assert selected in {workload for workload, *_ in workloads(objects)}, name


def test_pod_and_node_are_on_every_span(rendered, overlay):
    for name, _pod, container in workloads(rendered(overlay)):
        if name in SERVICES:
            env = {one["name"]: one for one in container["env"]}
            paths = {key: one["valueFrom"]["fieldRef"]["fieldPath"] for key, one in env.items() if "valueFrom" in one}
            assert {paths["POD_NAME"], paths["NODE_NAME"]} == {"metadata.name", "spec.nodeName"}, name
            attributes = env["OTEL_RESOURCE_ATTRIBUTES"]["value"]
            assert "k8s.pod.name=$(POD_NAME),k8s.node.name=$(NODE_NAME)" in attributes, name


def test_a_volume_has_one_writer(rendered, overlay):
    for name, one in of_kind(rendered(overlay), "Deployment").items():
        volumes = one["spec"]["template"]["spec"].get("volumes", ())
        if any("persistentVolumeClaim" in volume for volume in volumes):
            assert (one["spec"]["strategy"], one["spec"]["replicas"]) == ({"type": "Recreate"}, 1), name


def test_manifests_do_not_set_scaled_replicas(rendered, overlay):
    deployments = of_kind(rendered(overlay), "Deployment")

    assert [name for name in ("orders", "stock-updater") if "replicas" in deployments[name]["spec"]] == []


def test_jaeger_runs_on_the_configuration_of_every_mode(rendered, overlay, root):
    (data,) = (one["data"] for name, one in of_kind(rendered(overlay), "ConfigMap").items() if name.startswith("jaeger-"))

    assert data == {"jaeger.yaml": (root / "src/vshop/runtime/backends/jaeger.yaml").read_text(encoding="utf-8")}
