import pytest

from tests.processes.runtime.cluster.objects import deployment, pod
from vshop.runtime.kubernetes import rollout
from vshop.runtime.model.errors import ClusterError
from vshop.runtime.model.progress import Event, silent


def test_each_ready_workload_is_reported_once(cluster):
    events: list[Event] = []

    rollout.wait(cluster(deployments=[deployment(), deployment("console", wanted=0, ready=0)]), 5, events.append)

    assert [(event.part, event.state, event.detail) for event in events] == [
        ("console", "ready", "0 pods"),
        ("orders", "ready", "1 pods"),
    ]


@pytest.mark.parametrize("status", [{"observedGeneration": 1}, {"ready": 0}, {"updatedReplicas": 0}, {"replicas": 2}])
def test_unfinished_rollout_times_out_with_the_log(cluster, status):
    with pytest.raises(
        ClusterError, match=r"Not ready within 0 s: orders\.\norders-1 is pending, but not ready\n  \| out of memory"
    ):
        rollout.wait(cluster(deployments=[deployment(**status)], pods=[pod(containerID="x")]), 0, silent)


def test_missing_image_fails_at_once_with_advice(cluster):
    missing = pod(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling"})

    with pytest.raises(ClusterError, match=r"the image virtual-shop:1. `--image-loader 'kind load docker-image --name test'`"):
        rollout.wait(cluster(deployments=[deployment(ready=0)], pods=[missing]), 300, silent)
