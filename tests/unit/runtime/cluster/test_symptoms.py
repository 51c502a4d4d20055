"""What is said of a pod that is not ready."""

import pytest

from tests.unit.runtime.cluster.objects import deployment, pod
from vshop.runtime.cluster import symptoms

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


def test_a_pod_that_goes_is_not_judged(cluster):
    """Another takes its place, which may have what this one lacked."""
    going = pod(waiting={"reason": "ErrImageNeverPull"})
    going["metadata"]["deletionTimestamp"] = "2"
    kubectl = cluster(pods=[going, pod("orders-2")])

    assert (symptoms.hopeless(kubectl), symptoms.backing_off(kubectl)) == ([], [])
    assert "ErrImageNeverPull" not in symptoms.describe(kubectl, ["orders"])


@pytest.mark.parametrize(
    ("reason", "later"), [("ImagePullBackOff", True), ("CrashLoopBackOff", True), ("ContainerCreating", False)]
)
def test_a_pod_that_waits_to_be_tried_again_is_found(cluster, reason, later):
    """So that a start need not wait for it."""
    kubectl = cluster(pods=[pod(waiting={"reason": reason}), pod("orders-2")])

    assert symptoms.backing_off(kubectl) == (["orders-1"] if later else [])


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
