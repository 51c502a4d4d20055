"""Waits until every workload is as the manifests want it."""

import time
from typing import Any

from vshop.runtime.cluster import symptoms
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.errors import ClusterError
from vshop.runtime.progress import Event, Progress

_LOOK_EVERY_S = 2.0


def wait(kubectl: Kubectl, timeout_s: float, progress: Progress) -> None:
    """Wait until all is ready.

    Args:
        kubectl: the cluster.
        timeout_s: how long.
        progress: told of each workload that becomes ready.

    Raises:
        ClusterError: one did not become ready, or never will; the text quotes what the cluster and its log say about it.
    """
    deadline, told = time.monotonic() + timeout_s, set[str]()
    while True:
        workloads = {one["metadata"]["name"]: one for one in kubectl.json("get", "deployments,statefulsets")["items"]}
        ready = {name for name, one in workloads.items() if _is_ready(one)}
        for name in sorted(ready - told):
            progress(Event(name, "ready", f"{workloads[name]['status'].get('readyReplicas', 0)} pods"))
        told |= ready
        waiting = sorted(workloads.keys() - ready)
        if not waiting:
            return
        if stuck := symptoms.hopeless(kubectl):
            raise ClusterError(f"Never ready as it is: {', '.join(stuck)}.\n{symptoms.describe(kubectl, stuck)}")
        if time.monotonic() > deadline:
            text = symptoms.describe(kubectl, waiting)
            raise ClusterError(f"Not ready within {timeout_s:.0f} s: {', '.join(waiting)}.\n{text}")
        time.sleep(_LOOK_EVERY_S)


def _is_ready(workload: dict[str, Any]) -> bool:
    spec, status = workload["spec"], workload["status"]
    wanted = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return False
    # A Deployment counts pods of older templates in `replicas` until they are gone; a StatefulSet tells by its revisions.
    current = status.get("updatedReplicas", 0) if wanted else 0
    return bool(current == wanted == status.get("readyReplicas", 0) == status.get("replicas", 0))
