"""Why a pod is not ready: what the scheduler, the kubelet and its own log say."""

import re
from typing import Any

from vshop.runtime.cluster.image import how_to_load
from vshop.runtime.cluster.kubectl import Kubectl

_NAME = "app.kubernetes.io/name"
VOLUME_REMEDY = (
    "This cluster makes volumes that only root may write, and does not heed fsGroup: `--volume-permissions` opens them first."
)
_HOPELESS = {"ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "RunContainerError"}
_LATER = _HOPELESS | {"ErrImagePull", "CrashLoopBackOff"}
_REFUSED = re.compile(r"permission denied|AccessDenied|unable to open database file", re.IGNORECASE)
_EVENTS, _LOG_LINES = 3, 12


def hopeless(kubectl: Kubectl) -> list[str]:
    """Return the workloads whose pods wait for what will not come by itself: an image, or the right to write to a volume."""
    pods = _staying(kubectl)
    stuck = [pod for pod in pods if _waiting(pod)[0] in _HOPELESS or (_keeps_ending(pod) and _refused(pod, _log(kubectl, pod)))]
    return sorted({str(pod["metadata"].get("labels", {}).get(_NAME, pod["metadata"]["name"])) for pod in stuck})


def backing_off(kubectl: Kubectl) -> list[str]:
    """Return the names of the pods that will be tried again, but only after a while: up to five minutes later."""
    return [str(pod["metadata"]["name"]) for pod in _staying(kubectl) if _waiting(pod)[0] in _LATER]


def describe(kubectl: Kubectl, workloads: list[str]) -> str:
    """Tell of each workload what is wrong with its youngest pod that is not ready.

    Args:
        kubectl: the cluster.
        workloads: their names.
    """
    pods = _staying(kubectl)
    events = kubectl.json("get", "events", "--sort-by=.lastTimestamp")["items"]
    return "\n".join(_of_workload(kubectl, name, pods, events) for name in workloads)


def _staying(kubectl: Kubectl) -> list[dict[str, Any]]:
    return [pod for pod in kubectl.json("get", "pods")["items"] if "deletionTimestamp" not in pod["metadata"]]


def _of_workload(kubectl: Kubectl, name: str, pods: list[dict[str, Any]], events: list[dict[str, Any]]) -> str:
    own = [pod for pod in pods if pod["metadata"].get("labels", {}).get(_NAME) == name and not _ready(pod)]
    if not own:
        said = _events(events, lambda about: about["name"].startswith(name))
        return "\n".join([f"{name} has no pod that could become ready.", *said])
    pod = max(own, key=lambda one: str(one["metadata"]["creationTimestamp"]))
    pod_name = pod["metadata"]["name"]
    reason, message = _waiting(pod)
    said = _events(events, lambda about: about["name"] == pod_name)
    image = pod["spec"]["containers"][0]["image"]
    log = _log(kubectl, pod)
    remedy = [f"  The cluster has no image {image}. {how_to_load(kubectl.context)}"] if "Image" in reason else []
    remedy += [f"  {VOLUME_REMEDY}"] if _refused(pod, log) else []
    return "\n".join([f"{pod_name} is {reason}{f': {message}' if message else ''}", *said, *log, *remedy])


def _events(events: list[dict[str, Any]], concerned: Any) -> list[str]:
    own = [one for one in events if concerned(one["involvedObject"]) and one.get("type") == "Warning"]
    return [f"  event: {one.get('reason')}: {' '.join(str(one.get('message')).split())[:300]}" for one in own[-_EVENTS:]]


def _log(kubectl: Kubectl, pod: dict[str, Any]) -> list[str]:
    status = next(iter(pod["status"].get("containerStatuses", ())), None)
    if status is None or not (status.get("containerID") or status.get("lastState")):
        return []  # it has never run
    # Of one that keeps ending, the log of its last try is what tells.
    before = ["--previous"] if "running" not in status.get("state", {}) and status.get("lastState") else []
    log = kubectl.run("logs", pod["metadata"]["name"], f"--tail={_LOG_LINES}", *before).stdout
    return [f"  | {line[:300]}" for line in log.splitlines()]


def _keeps_ending(pod: dict[str, Any]) -> bool:
    return _waiting(pod)[0] == "CrashLoopBackOff"


def _refused(pod: dict[str, Any], log: list[str]) -> bool:
    """Tell whether its volume, which nothing has opened, is what the pod may not write to."""
    claimed = any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes", ()))
    return claimed and "initContainers" not in pod["spec"] and any(_REFUSED.search(line) for line in log)


def _ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def _waiting(pod: dict[str, Any]) -> tuple[str, str]:
    """Return why a pod is not ready: a reason in one word, and what is said about it."""
    for status in pod["status"].get("containerStatuses", ()):
        waiting = status.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") != "ContainerCreating":
            return waiting["reason"], " ".join(waiting.get("message", "").split())[:300]
    for condition in pod["status"].get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return condition.get("reason", "not scheduled"), condition.get("message", "")
    return f"{pod['status'].get('phase', 'Pending').lower()}, but not ready", ""
