"""What is applied, awaited and said, with a stand-in for kubectl."""

import json
from pathlib import Path

import pytest

from vshop.runtime.cluster import image, lifecycle, overlay, rollout, symptoms
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.errors import ClusterError
from vshop.runtime.progress import Event, silent

CONTEXT = 'case "$*" in *current-context*) echo kind-test;; *version*) echo {};;'


def deployment(name="orders", wanted=1, ready=1, **status):
    """Describe a Deployment as the cluster does."""
    counted = {"observedGeneration": 2, "replicas": wanted, "updatedReplicas": wanted, "readyReplicas": ready} | status
    return {"metadata": {"name": name, "generation": 2}, "spec": {"replicas": wanted}, "status": counted}


def pod(name="orders-1", *, labels=None, waiting=None, conditions=(), **status):
    """Describe a pod of orders."""
    container = {"state": {"waiting": waiting} if waiting else {"running": {}}, **status}
    return {
        "metadata": {"name": name, "creationTimestamp": "1", "labels": labels or {"app.kubernetes.io/name": "orders"}},
        "spec": {"containers": [{"image": "virtual-shop:1"}]},
        "status": {"phase": "Pending", "containerStatuses": [container], "conditions": list(conditions)},
    }


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a program on the path that runs a line of shell."""

    def make(script: str, name: str = "kubectl") -> None:
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{file.parent}:/bin:/usr/bin")

    return make


@pytest.fixture
def cluster(stand_in, tmp_path: Path):
    """A cluster that holds these objects, whatever is done."""

    def make(says="its last words", **held) -> Kubectl:
        lines = []
        for kind, objects in {"deployments": [], "pods": [], "events": [], **held}.items():
            (tmp_path / kind).write_text(json.dumps({"items": objects}))
            lines.append(f'*"get {kind}"*) cat {tmp_path / kind};;')
        stand_in(f"{CONTEXT} *logs*) echo '{says}';; {' '.join(lines)} *) exit 1;; esac")
        return Kubectl("kind-test")

    return make


def test_no_kubectl(monkeypatch: pytest.MonkeyPatch):
    """The error says where to get it, and what does without."""
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ClusterError, match=r"no `kubectl` on the path.*`vshop up` runs the same shop without"):
        lifecycle.up(lifecycle.Wanted())


def test_no_cluster_is_known(stand_in):
    """Kubectl's own words are quoted."""
    stand_in("echo 'error: current-context is not set' >&2; exit 1")

    with pytest.raises(ClusterError, match=r"current-context is not set\. Make one \(`kind create cluster`"):
        Kubectl.current()


def test_no_cluster_answers(stand_in):
    """The context is named, for it may be the wrong one."""
    stand_in('case "$*" in *current-context*) echo far-away;; *) echo "refused" >&2; exit 1;; esac')

    with pytest.raises(ClusterError, match=r"No cluster answers at context 'far-away': refused"):
        Kubectl.current()


def test_an_unknown_overlay_is_told_with_the_known_ones():
    """They are folders of deploy/k8s/overlays."""
    with pytest.raises(ClusterError, match=r"no overlay 'lokal': .* aws, local, scale"):
        overlay.find("lokal")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("virtual-shop:1", {"newName": "virtual-shop", "newTag": "1"}),
        ("host:5000/shop:1.2", {"newName": "host:5000/shop", "newTag": "1.2"}),
        ("shop@sha256:ab", {"newName": "shop", "digest": "sha256:ab"}),
    ],
)
def test_the_image_and_the_settings_lie_on_top_of_the_overlay(tmp_path: Path, name, expected):
    """In a kustomization that can be read, and applied by hand."""
    environ = {"SHOP_PAYLOADS": "metadata", "SHOP_ORDERS_PORT": "1", "HOME": "/"}

    folder = overlay.build(overlay.find("local"), name, "http://127.0.0.1:1/trace/{traceId}", environ, tmp_path / "k8s")

    written = json.loads((folder / "kustomization.yaml").read_text().split("\n", 1)[1])
    assert written["images"] == [{"name": "virtual-shop"} | expected]
    assert (folder / written["resources"][0]).resolve() == overlay.find("local")
    assert written["configMapGenerator"][0]["literals"] == [
        "SHOP_PAYLOADS=metadata",
        "SHOP_TRACE_URL=http://127.0.0.1:1/trace/{traceId}",
    ]


def test_volumes_are_opened_only_where_it_is_asked_for(tmp_path: Path):
    """By a component on top of the overlay."""

    def components(**asked):
        folder = overlay.build(overlay.find("local"), "virtual-shop:1", "", {}, tmp_path / "k8s", **asked)
        written = json.loads((folder / "kustomization.yaml").read_text().split("\n", 1)[1])
        return [(folder / one / "kustomization.yaml").resolve().parent.name for one in written["components"]]

    assert components() == []
    assert components(volume_permissions=True) == ["volume-permissions"]


@pytest.mark.parametrize("name", ["shop", "host:5000/shop"])
def test_an_image_needs_a_tag(tmp_path: Path, name):
    """For `latest` is whatever was there last."""
    with pytest.raises(ClusterError, match="has no tag"):
        overlay.build(overlay.find("local"), name, "", {}, tmp_path)


def test_a_rollout_is_over_when_all_are_ready(cluster):
    """Each is told of once."""
    told: list[Event] = []

    rollout.wait(cluster(deployments=[deployment(), deployment("console", wanted=0, ready=0)]), 5, told.append)

    assert [(event.part, event.state, event.detail) for event in told] == [
        ("console", "ready", "0 pods"),
        ("orders", "ready", "1 pods"),
    ]


@pytest.mark.parametrize("status", [{"observedGeneration": 1}, {"ready": 0}, {"updatedReplicas": 0}, {"replicas": 2}])
def test_it_is_not_over_before(cluster, status):
    """Not while the old pods are still there, or the new ones not yet."""
    with pytest.raises(
        ClusterError, match=r"Not ready within 0 s: orders\.\norders-1 is pending, but not ready\n  \| its last words"
    ):
        rollout.wait(cluster(deployments=[deployment(**status)], pods=[pod(containerID="x")]), 0, silent)


def test_an_image_that_is_not_there_is_not_waited_for(cluster):
    """And it is said how it gets there, in this kind of cluster."""
    missing = pod(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling"})

    with pytest.raises(ClusterError, match=r"no image virtual-shop:1. `--image-loader 'kind load docker-image --name test'`"):
        rollout.wait(cluster(deployments=[deployment(ready=0)], pods=[missing]), 300, silent)


CLAIM = [{"name": "data", "persistentVolumeClaim": {"claimName": "orders"}}]


@pytest.mark.parametrize(
    ("said", "spec", "told"),
    [
        ("mkdir: cannot create directory: Permission denied", {"volumes": CLAIM}, True),
        ("some other end", {"volumes": CLAIM}, False),
        ("Permission denied", {}, False),
        ("Permission denied", {"volumes": CLAIM, "initContainers": [{}]}, False),
    ],
    ids=["refused", "another reason", "no volume", "opened already"],
)
def test_a_volume_that_may_not_be_written_is_not_waited_for(cluster, said, spec, told):
    """The remedy is named, and only where it is one."""
    failing = pod(waiting={"reason": "CrashLoopBackOff", "message": "back-off"}, lastState={"terminated": {}})
    failing["spec"] |= spec
    kubectl = cluster(says=said, deployments=[deployment(ready=0)], pods=[failing])

    assert symptoms.hopeless(kubectl) == (["orders"] if told else [])
    assert ("`--volume-permissions` opens them first" in symptoms.describe(kubectl, ["orders"])) is told


def test_what_the_scheduler_and_the_kubelet_say_is_quoted(cluster):
    """Warnings about the pod, the last ones."""
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient memory"}]
    events = [
        {"involvedObject": {"name": name}, "type": kind, "reason": "Failed", "message": f"a {kind} about {name}"}
        for name, kind in (("orders-1", "Warning"), ("orders-1", "Normal"), ("other", "Warning"))
    ]
    kubectl = cluster(pods=[pod(conditions=conditions)], events=events)

    assert symptoms.describe(kubectl, ["orders"]).splitlines() == [
        "orders-1 is Unschedulable: Insufficient memory",
        "  event: Failed: a Warning about orders-1",
    ]


def test_a_workload_without_a_pod_is_explained_by_its_events(cluster):
    """As when a policy refuses its pods."""
    events = [{"involvedObject": {"name": "orders-5d8"}, "type": "Warning", "reason": "FailedCreate", "message": "forbidden"}]

    assert "no pod" in symptoms.describe(cluster(events=events), ["orders"])
    assert "FailedCreate: forbidden" in symptoms.describe(cluster(events=events), ["orders"])


def test_an_image_is_built(stand_in):
    """Under a name that only this content has."""
    stand_in('case "$1" in build) echo sha256:0123456789abcdef;; esac', "docker")

    assert image.build(silent) == "virtual-shop:0123456789ab"


def test_without_docker_the_cluster_has_to_have_the_image(stand_in):
    """Which is told, as it may not."""
    stand_in("exit 1", "docker")
    told: list[Event] = []

    assert image.build(told.append) == "virtual-shop:local"
    assert "Docker does not answer" in told[0].detail


def node(*names):
    """Describe a node with these images."""
    return {"status": {"images": [{"names": [f"docker.io/{name}", f"docker.io/{name}@sha256:ab"]} for name in names]}}


WANTED = ("virtual-shop:1", "apache/kafka:4.3.1", "not/in-docker:1")


@pytest.mark.parametrize(
    ("nodes", "loaded"),
    [
        ([node("library/virtual-shop:1", "apache/kafka:4.3.1")], ""),
        ([node("library/virtual-shop:1"), node("apache/kafka:4.3.1")], "--name x virtual-shop:1\n--name x apache/kafka:4.3.1\n"),
        ([node("apache/kafka:3.0.0", "library/virtual-shop:1")], "--name x apache/kafka:4.3.1\n"),
        (None, "--name x virtual-shop:1\n--name x apache/kafka:4.3.1\n"),
    ],
    ids=["all there", "each on one node", "another version", "nodes may not be read"],
)
def test_what_docker_has_and_a_node_lacks_is_handed_over(cluster, stand_in, tmp_path: Path, nodes, loaded):
    """By the command, with the image as its last argument; what Docker does not have, the cluster pulls."""
    kubectl = cluster(**({} if nodes is None else {"nodes": nodes}))
    stand_in('case "$3" in not/*) exit 1;; esac', "docker")
    stand_in(f'echo "$*" >> {tmp_path}/loaded', "load")
    (tmp_path / "loaded").touch()

    image.hand_over(kubectl, "load --name x", WANTED, silent)
    assert (tmp_path / "loaded").read_text() == loaded


@pytest.mark.parametrize(("loader", "said"), [("nosuch", "cannot be run"), ("false", "failed with 1")])
def test_a_loader_that_fails_is_named(cluster, stand_in, loader, said):
    """Its own output stands above."""
    kubectl = cluster(nodes=[node()])
    stand_in("", "docker")

    with pytest.raises(ClusterError, match=said):
        image.hand_over(kubectl, loader, WANTED, silent)


def test_the_manifests_say_which_images_they_need(stand_in, tmp_path: Path):
    """As kubectl renders them: each once, of containers and of those that come first."""
    (tmp_path / "rendered").write_text(
        "containers:\n- image: a:1\n  name: main\ninitContainers:\n- name: x\n  image: b:2\n- image: a:1\n"
    )
    stand_in(f"cat {tmp_path}/rendered")

    assert overlay.images(Kubectl("kind-test"), tmp_path) == ["a:1", "b:2"]


def test_manifests_that_cannot_be_rendered_are_not_applied(stand_in, tmp_path: Path):
    """Kubectl's own words are quoted."""
    stand_in("echo 'error: no such file' >&2; exit 1")

    with pytest.raises(ClusterError, match=r"`kubectl kustomize .*` failed: error: no such file"):
        overlay.images(Kubectl("kind-test"), tmp_path)


def test_one_overlay_does_not_go_over_another(stand_in):
    """Kafka's controllers could not agree any more."""
    held = json.dumps({"metadata": {"annotations": {"virtual-shop/overlay": "scale"}}})
    stand_in(f"{CONTEXT} *namespace*) echo '{held}';; esac")

    with pytest.raises(ClusterError, match="holds the overlay 'scale', which cannot become 'local' while it runs"):
        lifecycle.up(lifecycle.Wanted())


def test_a_namespace_that_does_not_go_is_told(stand_in, tmp_path: Path):
    """With kubectl's words, and where to look."""
    stand_in(f'{CONTEXT} *delete*) echo "timed out" >&2; exit 1;; esac')

    with pytest.raises(ClusterError, match=r"is not gone: timed out\. `kubectl get namespace virtual-shop -o yaml`"):
        lifecycle.down(str(tmp_path))
