"""CPU time of the shop's pods, by workload, as the kubelets count it (``/stats/summary``)."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from vshop.runtime.cluster.kubectl import NAMESPACE, Kubectl
from vshop.runtime.errors import ClusterError

_LABEL = "app.kubernetes.io/name"
_NANO = 1e-9


class PodCpu:
    """Reads the counters. A kubelet looks at its containers every ten seconds or so: a reading waits until it has looked again."""

    def __init__(self, kubectl: Kubectl, patience_s: float = 60.0) -> None:
        """Args: kubectl: the cluster. patience_s: how long a reading may take."""
        self._kubectl = kubectl
        self._patience_s = patience_s

    def read(self) -> dict[str, float]:
        """Return seconds of CPU by workload, all its pods of now together, as counted at this moment or a little later.

        Raises:
            ClusterError: the kubelets do not answer, or have not looked in time.
        """
        wanted, deadline = time.time(), time.monotonic() + self._patience_s
        while True:
            pods = self._kubectl.json("get", "pods", "--field-selector=status.phase=Running")["items"]
            workloads = {pod["metadata"]["name"]: pod["metadata"]["labels"].get(_LABEL, "") for pod in pods}
            nodes = sorted({pod["spec"]["nodeName"] for pod in pods})
            counted = [one for node in nodes for one in self._summary(node) if one["podRef"]["name"] in workloads]
            missing = workloads.keys() - {one["podRef"]["name"] for one in counted if looked_at(one) >= wanted}
            if not missing:
                return by_workload(counted, workloads)
            if time.monotonic() > deadline:
                names = ", ".join(sorted(missing))
                raise ClusterError(f"The kubelet did not count the CPU time of {names} in {self._patience_s:.0f} s.")
            time.sleep(1)

    def _summary(self, node: str) -> list[dict[str, Any]]:
        """Return what a kubelet knows of the shop's pods."""
        ran = self._kubectl.run("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary?only_cpu_and_memory=true")
        if ran.returncode:
            raise ClusterError(f"The kubelet of {node} does not tell its counters: {ran.stderr.strip()}")
        pods: list[dict[str, Any]] = json.loads(ran.stdout)["pods"]
        return [pod for pod in pods if pod["podRef"]["namespace"] == NAMESPACE and pod.get("containers")]


def looked_at(pod: Mapping[str, Any]) -> float:
    """Return when a pod's counters were read, in seconds since the epoch: the earliest of its containers."""
    return min(datetime.fromisoformat(container["cpu"]["time"]).timestamp() for container in pod["containers"])


def by_workload(pods: Iterable[Mapping[str, Any]], workloads: Mapping[str, str]) -> dict[str, float]:
    """Add up.

    Args:
        pods: as in a kubelet's summary.
        workloads: each pod's workload, by the pod's name.

    Returns:
        Seconds of CPU by workload.
    """
    seconds: dict[str, float] = defaultdict(float)
    for pod in pods:
        seconds[workloads[pod["podRef"]["name"]]] += sum(one["cpu"]["usageCoreNanoSeconds"] for one in pod["containers"]) * _NANO
    return dict(seconds)
