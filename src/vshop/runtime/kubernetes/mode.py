"""Starts the shop in a cluster, and removes it."""

import os
import time

import msgspec

from vshop.kit.telemetry.variables import not_passed_on
from vshop.runtime.kubernetes import forwards, image, overlay, rollout
from vshop.runtime.kubernetes.kubectl import NAMESPACE, Kubectl
from vshop.runtime.model.errors import ClusterError, NotRunningError
from vshop.runtime.model.progress import Ended, Event, Mode, Progress, Started, silent

_TIMEOUT_S = 180.0
"""Least seconds for a start, which creates volumes and pulls images, and for a deletion."""


class ClusterOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a shop in a cluster."""

    overlay: str = "local"
    """Name in ``deploy/k8s/overlays``, or the path of another folder."""
    image: str = ""
    """Name and tag. If empty, an image is built."""
    image_loader: str = ""
    volume_permissions: bool = False
    """Open each volume as root, for clusters that ignore fsGroup."""
    ports: dict[str, int] = {}
    free_ports: bool = False
    home: str | None = None
    timeout_s: float = _TIMEOUT_S


class ClusterMode(Mode):
    """Runs the shop in the cluster of kubectl's current context."""

    name, first_order_s = "k8s", 60.0

    def __init__(self, options: ClusterOptions) -> None:
        self._options = options

    def up(self, progress: Progress = silent) -> Started:
        """Apply the manifests, wait, and forward the ports. After a failure, the objects stay."""
        options = self._options
        kubectl = Kubectl.current()
        manifests = overlay.find(options.overlay)
        _refuse_other_overlay(kubectl, manifests.name)
        forwards.stop(options.home)
        forwards.forget(options.home)
        chosen = forwards.choose(options.ports, free_ports=options.free_ports)
        ignored = not_passed_on(os.environ, overlay.PASSED_SETTINGS, "shop.env of an overlay")
        if ignored:
            progress(Event("telemetry", "note", ignored))
        name = options.image or image.build(progress)
        trace_url = f"http://127.0.0.1:{chosen['traces']}/trace/{{traceId}}"
        target, permissions = forwards.folder(options.home), options.volume_permissions
        folder = overlay.build(manifests, name, trace_url, os.environ, target, volume_permissions=permissions)
        image.load(kubectl, options.image_loader, overlay.images(kubectl, folder), progress)
        progress(Event("cluster", "starting", f"kubectl apply -k {folder} on context {kubectl.context}"))
        kubectl.apply(folder)
        if pods := rollout.backing_off(kubectl):
            kubectl.run("delete", "pods", "--wait=false", "--ignore-not-found", *pods)
        rollout.wait(kubectl, max(options.timeout_s, _TIMEOUT_S), progress)
        forwarded = forwards.start(kubectl, manifests.name, chosen, options.home)
        progress(Event("port-forward", "ready", f"{len(chosen)} ports"))
        where = f"context {forwarded.context}, namespace {NAMESPACE}, overlay {forwarded.overlay}"
        details = {"context": forwarded.context, "overlay": forwarded.overlay}
        return Started(forwarded.addresses, details, {"cluster": where})

    def down(self, progress: Progress = silent) -> Ended:
        """Stop the forwards and delete the namespace with all data."""
        began, home = time.monotonic(), self._options.home
        known = forwards.read(home)
        forwarded = forwards.stop(home)
        if forwarded:
            progress(Event("port-forward", "stopped"))
        kubectl = Kubectl(known.context) if known else Kubectl.current()
        progress(Event("cluster", "stopping", f"namespace {NAMESPACE} on context {kubectl.context}"))
        delete = ("delete", "namespace", NAMESPACE, "--ignore-not-found", f"--timeout={_TIMEOUT_S:.0f}s")
        ran = kubectl.run(*delete, timeout_s=_TIMEOUT_S + 10)
        if ran.returncode:
            raise ClusterError(
                f"The namespace {NAMESPACE} was not deleted: {ran.stderr.strip()}. `kubectl get namespace {NAMESPACE} -o yaml` "
                "shows what it waits for, e.g. a ScaledObject, which only a running KEDA can delete."
            )
        forwards.forget(home)  # only now: a repeated `down` needs the record to find the cluster
        if forwarded or ran.stdout.strip():
            return Ended(found=True, text=f"Deleted the namespace and its volumes in {time.monotonic() - began:.1f} s.")
        return Ended(found=False, text="No shop is running in the cluster.")

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the forwarded ports."""
        found = forwards.running(self._options.home)
        if found is None:
            raise NotRunningError("No port of a cluster is forwarded. Start a shop with `vshop up --mode k8s`.")
        return found.addresses


def _refuse_other_overlay(kubectl: Kubectl, wanted: str) -> None:
    """Refuse to replace another overlay: with another number of controllers, Kafka would lose its quorum."""
    ran = kubectl.run("get", "namespace", NAMESPACE, "--ignore-not-found", "--output=json")
    if ran.returncode:
        raise ClusterError(f"Nothing was applied, because the namespace {NAMESPACE} cannot be read: {ran.stderr.strip()}")
    found = msgspec.json.decode(ran.stdout or "{}").get("metadata", {})
    current = found.get("annotations", {}).get(overlay.ANNOTATION, wanted)
    if current != wanted:
        raise ClusterError(
            f"The namespace {NAMESPACE} on context {kubectl.context} runs the overlay {current!r}, which cannot be changed to "
            f"{wanted!r} while it runs. Run `vshop down --mode k8s` first, which deletes its orders and its stock."
        )
