"""Brings the shop up in a cluster, and takes it out again, whole."""

import os
from collections.abc import Mapping

import msgspec

from vshop.runtime.cluster import forwards, image, overlay, rollout, symptoms
from vshop.runtime.cluster.forwards import Forwards
from vshop.runtime.cluster.kubectl import NAMESPACE, Kubectl
from vshop.runtime.errors import ClusterError
from vshop.runtime.progress import Event, Progress, silent


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What ``up`` may be told."""

    overlay: str = "local"
    """Name of one in ``deploy/k8s/overlays``, or a folder."""
    image: str = ""
    """Name and tag of an image that the cluster has or can pull; empty: one is built."""
    image_loader: str = ""
    """Command that hands images from Docker to the cluster; an image's name is the last argument."""
    volume_permissions: bool = False
    """A container of root's opens each volume first, where fsGroup does nothing."""
    ports: dict[str, int] = {}
    free_ports: bool = False
    home: str | None = None
    timeout_s: float = 180.0


def up(wanted: Wanted, progress: Progress = silent, environ: Mapping[str, str] | None = None) -> Forwards:
    """Apply the manifests, wait until everything is ready, and forward its ports to this machine.

    Args:
        wanted: what, and how.
        progress: told of every step.
        environ: some ``SHOP_*`` variables are handed on from here; the process's own environment when not given.

    Returns:
        Where it is reached.

    Raises:
        RuntimeProblem: it did not come up; what was applied stays, so that it can be looked at.
    """
    kubectl = Kubectl.current()
    manifests = overlay.find(wanted.overlay)
    _refuse_another(kubectl, manifests.name)
    forwards.stop(wanted.home)
    forwards.forget(wanted.home)
    chosen = forwards.choose(wanted.ports, free_ports=wanted.free_ports)
    name = wanted.image or image.build(progress)
    trace_url = f"http://127.0.0.1:{chosen['traces']}/trace/{{traceId}}"
    environ = os.environ if environ is None else environ
    folder = overlay.build(
        manifests, name, trace_url, environ, forwards.folder(wanted.home), volume_permissions=wanted.volume_permissions
    )
    image.hand_over(kubectl, wanted.image_loader, overlay.images(kubectl, folder), progress)
    progress(Event("cluster", "starting", f"kubectl apply -k {folder} on context {kubectl.context}"))
    kubectl.apply(folder)
    _try_again(kubectl)
    rollout.wait(kubectl, wanted.timeout_s, progress)
    reached = forwards.start(kubectl, manifests.name, chosen, wanted.home)
    progress(Event("port-forward", "ready", f"{len(chosen)} ports"))
    return reached


def down(home: str | None = None, progress: Progress = silent, timeout_s: float = 180.0) -> bool:
    """End the forwards and delete the namespace with all that it holds: pods, orders, stock, traces.

    Args:
        home: the home folder.
        progress: told of every step.
        timeout_s: how long the namespace may take to go.

    Returns:
        Whether there was anything.

    Raises:
        ClusterError: no cluster answers, or the namespace would not go.
    """
    known = forwards.read(home)
    forwarded = forwards.stop(home)
    if forwarded:
        progress(Event("port-forward", "stopped"))
    kubectl = Kubectl(known.context) if known else Kubectl.current()
    progress(Event("cluster", "stopping", f"namespace {NAMESPACE} on context {kubectl.context}"))
    ran = kubectl.run(
        "delete", "namespace", NAMESPACE, "--ignore-not-found", f"--timeout={timeout_s:.0f}s", timeout_s=timeout_s + 10
    )
    if ran.returncode:
        raise ClusterError(
            f"The namespace {NAMESPACE} is not gone: {ran.stderr.strip()}. `kubectl get namespace {NAMESPACE} -o yaml` says what "
            "it waits for: a ScaledObject, for one, needs KEDA to be let go."
        )
    forwards.forget(home)  # not before: until then it says which cluster is meant
    return forwarded or bool(ran.stdout.strip())


def _try_again(kubectl: Kubectl) -> None:
    """Let pods that failed at an earlier start begin anew: what they lacked may be there, and they would not look for minutes."""
    if late := symptoms.backing_off(kubectl):
        kubectl.run("delete", "pods", "--wait=false", "--ignore-not-found", *late)


def _refuse_another(kubectl: Kubectl, wanted: str) -> None:
    """An overlay over another one would change how many vote among Kafka's controllers: both halves would be lost."""
    asked = kubectl.run("get", "namespace", NAMESPACE, "--ignore-not-found", "--output=json")
    if asked.returncode:
        raise ClusterError(f"What the namespace {NAMESPACE} holds cannot be read, so nothing was applied: {asked.stderr.strip()}")
    found = msgspec.json.decode(asked.stdout or "{}").get("metadata", {})
    there = found.get("annotations", {}).get(overlay.ANNOTATION, wanted)
    if there != wanted:
        raise ClusterError(
            f"The namespace {NAMESPACE} on context {kubectl.context} holds the overlay {there!r}, which cannot become {wanted!r} "
            "while it runs. `vshop down --mode k8s` first; that removes its orders and its stock."
        )
