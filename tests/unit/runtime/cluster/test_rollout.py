"""How long a start waits, and what it does not wait for."""

import pytest

from tests.unit.runtime.cluster.objects import deployment, pod
from vshop.runtime.cluster import rollout
from vshop.runtime.errors import ClusterError
from vshop.runtime.progress import Event, silent


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
