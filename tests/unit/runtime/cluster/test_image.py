"""The image that is built, and those that are handed to the cluster."""

from pathlib import Path

import pytest

from tests.unit.runtime.cluster.objects import node
from vshop.runtime.cluster import image
from vshop.runtime.errors import ClusterError
from vshop.runtime.progress import Event, silent


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
