import pytest

from tests.processes.runtime.cluster.objects import deployment, pod
from vshop.runtime.kubernetes import rollout

CLAIM = [{"name": "data", "persistentVolumeClaim": {"claimName": "orders"}}]


@pytest.mark.parametrize(
    ("log", "spec", "denied"),
    [
        ("mkdir: cannot create directory: Permission denied", {"volumes": CLAIM}, True),
        ("another error", {"volumes": CLAIM}, False),
        ("Permission denied", {}, False),
        ("Permission denied", {"volumes": CLAIM, "initContainers": [{}]}, False),
    ],
    ids=["denied", "another reason", "no volume", "already opened"],
)
def test_read_only_volume_makes_a_workload_stuck(cluster, log, spec, denied):
    failing = pod(waiting={"reason": "CrashLoopBackOff", "message": "back-off"}, lastState={"terminated": {}})
    failing["spec"] |= spec
    kubectl = cluster(log=log, deployments=[deployment(ready=0)], pods=[failing])

    assert rollout.stuck_workloads(kubectl) == (["orders"] if denied else [])
    assert ("Add `--volume-permissions`" in rollout.describe(kubectl, ["orders"])) is denied


def test_deleted_pods_are_ignored(cluster):
    going = pod(waiting={"reason": "ErrImageNeverPull"})
    going["metadata"]["deletionTimestamp"] = "2"
    kubectl = cluster(pods=[going, pod("orders-2")])

    assert (rollout.stuck_workloads(kubectl), rollout.backing_off(kubectl)) == ([], [])
    assert "ErrImageNeverPull" not in rollout.describe(kubectl, ["orders"])


@pytest.mark.parametrize(
    ("reason", "later"), [("ImagePullBackOff", True), ("CrashLoopBackOff", True), ("ContainerCreating", False)]
)
def test_pods_in_back_off(cluster, reason, later):
    kubectl = cluster(pods=[pod(waiting={"reason": reason}), pod("orders-2")])

    assert rollout.backing_off(kubectl) == (["orders-1"] if later else [])


def test_conditions_and_warnings_are_quoted(cluster):
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient memory"}]
    events = [
        {"involvedObject": {"name": name}, "type": kind, "reason": "Failed", "message": f"a {kind} about {name}"}
        for name, kind in (("orders-1", "Warning"), ("orders-1", "Normal"), ("other", "Warning"))
    ]
    kubectl = cluster(pods=[pod(conditions=conditions)], events=events)

    assert rollout.describe(kubectl, ["orders"]).splitlines() == [
        "orders-1 is Unschedulable: Insufficient memory",
        "  event: Failed: a Warning about orders-1",
    ]


def test_workload_without_a_pod_is_explained_by_its_events(cluster):
    events = [{"involvedObject": {"name": "orders-5d8"}, "type": "Warning", "reason": "FailedCreate", "message": "forbidden"}]

    assert "no pod" in rollout.describe(cluster(events=events), ["orders"])
    assert "FailedCreate: forbidden" in rollout.describe(cluster(events=events), ["orders"])
