from pathlib import Path

import pytest

from tests.processes.runtime.cluster.objects import node
from vshop.runtime.kubernetes import image
from vshop.runtime.model.errors import ClusterError
from vshop.runtime.model.progress import Event, silent


def test_built_image_has_a_content_tag(stand_in):
    stand_in('case "$1" in build) echo sha256:0123456789abcdef;; esac', "docker")

    assert image.build(silent) == "virtual-shop:0123456789ab"


def test_without_docker_the_cluster_must_have_the_image(stand_in):
    stand_in("exit 1", "docker")
    events: list[Event] = []

    assert image.build(events.append) == "virtual-shop:local"
    assert "Docker does not answer" in events[0].detail


WANTED = ("virtual-shop:1", "apache/kafka:4.3.1", "not/in-docker:1")


@pytest.mark.parametrize(
    ("nodes", "loaded"),
    [
        ([node("library/virtual-shop:1", "apache/kafka:4.3.1")], ""),
        ([node("library/virtual-shop:1"), node("apache/kafka:4.3.1")], "--name x virtual-shop:1\n--name x apache/kafka:4.3.1\n"),
        ([node("apache/kafka:3.0.0", "library/virtual-shop:1")], "--name x apache/kafka:4.3.1\n"),
        (None, "--name x virtual-shop:1\n--name x apache/kafka:4.3.1\n"),
    ],
    ids=["all present", "each on one node", "another version", "nodes not readable"],
)
def test_images_that_a_node_lacks_are_loaded(cluster, stand_in, tmp_path: Path, nodes, loaded):
    kubectl = cluster(**({} if nodes is None else {"nodes": nodes}))
    stand_in('case "$3" in not/*) exit 1;; esac', "docker")
    stand_in(f'echo "$*" >> {tmp_path}/loaded', "load")
    (tmp_path / "loaded").touch()

    image.load(kubectl, "load --name x", WANTED, silent)
    assert (tmp_path / "loaded").read_text() == loaded


@pytest.mark.parametrize(("loader", "message"), [("nosuch", "Cannot run"), ("false", "failed with exit code 1")])
def test_failing_loader_is_named(cluster, stand_in, loader, message):
    kubectl = cluster(nodes=[node()])
    stand_in("", "docker")

    with pytest.raises(ClusterError, match=message):
        image.load(kubectl, loader, WANTED, silent)
