"""Runs ``kubectl`` on one context and the shop's namespace."""

import json
import subprocess
from pathlib import Path
from typing import Any

from vshop.runtime.model.errors import ClusterError
from vshop.runtime.model.processes import capture

NAMESPACE = "virtual-shop"
_STDERR = 2
_INSTEAD = "`vshop up` runs the same shop without Kubernetes."


class Kubectl:
    """``kubectl`` on a fixed context."""

    def __init__(self, context: str) -> None:
        self.context = context

    @classmethod
    def current(cls) -> "Kubectl":
        """Return kubectl on the current context, or raise ClusterError if no cluster answers."""
        context = _run(["kubectl", "config", "current-context"])
        if context.returncode:
            raise ClusterError(
                f"kubectl has no cluster: {context.stderr.strip()}. Create one (`kind create cluster`, `minikube start`), or "
                f"select one with KUBECONFIG or `kubectl config use-context`. {_INSTEAD}"
            )
        kubectl = cls(context.stdout.strip())
        version = kubectl.run("version", "--output=json")
        if version.returncode:
            raise ClusterError(
                f"No cluster answers at context {kubectl.context!r}: {version.stderr.strip()}. Start it, or select another with "
                f"`kubectl config use-context`. {_INSTEAD}"
            )
        return kubectl

    def command(self, *arguments: str) -> list[str]:
        """Return a complete command line."""
        return ["kubectl", "--context", self.context, "--namespace", NAMESPACE, *arguments]

    def run(self, *arguments: str, timeout_s: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run kubectl, and return the result even if it failed or timed out."""
        return _run(self.command(*arguments), timeout_s)

    def json(self, *arguments: str) -> Any:
        """Run kubectl, and return its parsed JSON output or raise ClusterError."""
        ran = self.run(*arguments, "--output=json")
        if ran.returncode:
            raise ClusterError(f"`kubectl {' '.join(arguments)}` failed: {ran.stderr.strip()}")
        return json.loads(ran.stdout)

    def apply(self, folder: Path) -> None:
        """Apply a kustomization, or raise ClusterError. The output goes to stderr, because stdout is for ``vshop --json``."""
        if subprocess.run(self.command("apply", "-k", str(folder)), stdout=_STDERR, check=False, timeout=120).returncode:
            raise ClusterError(
                f"`kubectl apply -k {folder}` failed; see its output above. If the cluster does not know the kind "
                "ScaledObject, install KEDA: https://keda.sh/docs/latest/deploy/"
            )


def _run(command: list[str], timeout_s: float = 30.0) -> subprocess.CompletedProcess[str]:
    try:
        return capture(*command, timeout_s=timeout_s)
    except FileNotFoundError as error:
        raise ClusterError(
            f"There is no `kubectl` on the path. Install it: https://kubernetes.io/docs/tasks/tools/ · {_INSTEAD}"
        ) from error
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {timeout_s:g} s")
