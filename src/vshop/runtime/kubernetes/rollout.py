"""Waits for workloads, and explains why a pod is not ready."""

import re
from typing import Any

from vshop.kit.times import Clock
from vshop.runtime.kubernetes.image import how_to_load
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.model.errors import ClusterError
from vshop.runtime.model.progress import Event, Progress

_POLL_S = 2.0
_NAME_LABEL = "app.kubernetes.io/name"
VOLUME_REMEDY = (
    "Only root may write to the volumes of this cluster, which ignores fsGroup. Add `--volume-permissions` to open them first."
)
_STUCK_REASONS = {"ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "RunContainerError"}
_BACK_OFF_REASONS = _STUCK_REASONS | {"ErrImagePull", "CrashLoopBackOff"}
_ACCESS_DENIED = re.compile(r"permission denied|AccessDenied|unable to open database file", re.IGNORECASE)
_EVENTS, _LOG_LINES = 3, 12


def wait(kubectl: Kubectl, timeout_s: float, progress: Progress) -> None:
    """Wait until all workloads are ready, or raise ClusterError."""
    reported = set[str]()
    waiting: list[str] = []

    def all_ready() -> bool:
        workloads = {one["metadata"]["name"]: one for one in kubectl.json("get", "deployments,statefulsets")["items"]}
        ready = {name for name, one in workloads.items() if _is_ready(one)}
        for name in sorted(ready - reported):
            progress(Event(name, "ready", f"{workloads[name]['status'].get('readyReplicas', 0)} pods"))
        reported.update(ready)
        waiting[:] = sorted(workloads.keys() - ready)
        if waiting and (stuck := stuck_workloads(kubectl)):
            raise ClusterError(f"Cannot become ready: {', '.join(stuck)}.\n{describe(kubectl, stuck)}")
        return not waiting

    if not Clock().poll(all_ready, timeout_s, _POLL_S):
        raise ClusterError(f"Not ready within {timeout_s:.0f} s: {', '.join(waiting)}.\n{describe(kubectl, waiting)}")


def _is_ready(workload: dict[str, Any]) -> bool:
    spec, status = workload["spec"], workload["status"]
    wanted = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return False
    # `replicas` of a Deployment includes pods of older templates until they are gone.
    current = status.get("updatedReplicas", 0) if wanted else 0
    return bool(current == wanted == status.get("readyReplicas", 0) == status.get("replicas", 0))


def stuck_workloads(kubectl: Kubectl) -> list[str]:
    """Return the workloads that lack an image or write access to a volume."""
    stuck = set()
    for pod in _remaining_pods(kubectl):
        reason, _ = _waiting(pod)
        if reason in _STUCK_REASONS or (reason == "CrashLoopBackOff" and _volume_denied(pod, _log(kubectl, pod))):
            stuck.add(str(pod["metadata"].get("labels", {}).get(_NAME_LABEL, pod["metadata"]["name"])))
    return sorted(stuck)


def backing_off(kubectl: Kubectl) -> list[str]:
    """Return the pods that Kubernetes retries only after up to five minutes."""
    return [str(pod["metadata"]["name"]) for pod in _remaining_pods(kubectl) if _waiting(pod)[0] in _BACK_OFF_REASONS]


def describe(kubectl: Kubectl, workloads: list[str]) -> str:
    """Describe the problem of each workload's newest pod that is not ready."""
    pods = _remaining_pods(kubectl)
    events = kubectl.json("get", "events", "--sort-by=.lastTimestamp")["items"]
    return "\n".join(_describe_workload(kubectl, name, pods, events) for name in workloads)


def _remaining_pods(kubectl: Kubectl) -> list[dict[str, Any]]:
    return [pod for pod in kubectl.json("get", "pods")["items"] if "deletionTimestamp" not in pod["metadata"]]


def _describe_workload(kubectl: Kubectl, name: str, pods: list[dict[str, Any]], events: list[dict[str, Any]]) -> str:
    own = [pod for pod in pods if pod["metadata"].get("labels", {}).get(_NAME_LABEL) == name and not _ready(pod)]
    warnings = [one for one in events if one.get("type") == "Warning"]
    if not own:
        about = [one for one in warnings if one["involvedObject"]["name"].startswith(name)]
        return "\n".join([f"{name} has no pod that can become ready.", *_quote(about)])
    pod = max(own, key=lambda one: str(one["metadata"]["creationTimestamp"]))
    pod_name = pod["metadata"]["name"]
    reason, message = _waiting(pod)
    about = [one for one in warnings if one["involvedObject"]["name"] == pod_name]
    image = pod["spec"]["containers"][0]["image"]
    log = _log(kubectl, pod)
    remedy = [f"  The cluster does not have the image {image}. {how_to_load(kubectl.context)}"] if "Image" in reason else []
    remedy += [f"  {VOLUME_REMEDY}"] if _volume_denied(pod, log) else []
    return "\n".join([f"{pod_name} is {reason}{f': {message}' if message else ''}", *_quote(about), *log, *remedy])


def _quote(events: list[dict[str, Any]]) -> list[str]:
    return [f"  event: {one.get('reason')}: {' '.join(str(one.get('message')).split())[:300]}" for one in events[-_EVENTS:]]


def _log(kubectl: Kubectl, pod: dict[str, Any]) -> list[str]:
    status = next(iter(pod["status"].get("containerStatuses", ())), None)
    if status is None or not (status.get("containerID") or status.get("lastState")):
        return []  # its container has never run
    # In a crash loop, the log of the last run is the useful one.
    before = ["--previous"] if "running" not in status.get("state", {}) and status.get("lastState") else []
    log = kubectl.run("logs", pod["metadata"]["name"], f"--tail={_LOG_LINES}", *before).stdout
    return [f"  | {line[:300]}" for line in log.splitlines()]


def _volume_denied(pod: dict[str, Any], log: list[str]) -> bool:
    claimed = any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes", ()))
    return claimed and "initContainers" not in pod["spec"] and any(_ACCESS_DENIED.search(line) for line in log)


def _ready(pod: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ()))


def _waiting(pod: dict[str, Any]) -> tuple[str, str]:
    for status in pod["status"].get("containerStatuses", ()):
        waiting = status.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") != "ContainerCreating":
            return waiting["reason"], " ".join(waiting.get("message", "").split())[:300]
    for condition in pod["status"].get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return condition.get("reason", "not scheduled"), condition.get("message", "")
    return f"{pod['status'].get('phase', 'Pending').lower()}, but not ready", ""
