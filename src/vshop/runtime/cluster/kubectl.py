"""Runs ``kubectl`` on one cluster and one namespace, and says what to do where that does not work."""

import json
import subprocess
from pathlib import Path
from typing import Any

from vshop.runtime.errors import ClusterError

NAMESPACE = "virtual-shop"
_STDERR = 2
_INSTEAD = "`vshop up` runs the same shop without Kubernetes."


class Kubectl:
    """``kubectl`` on the context that was the current one when this was made, whatever becomes the current one later."""

    def __init__(self, context: str) -> None:
        """Args: context: a name in the kubeconfig."""
        self.context = context

    @classmethod
    def current(cls) -> "Kubectl":
        """Take the current context, and make sure that its cluster answers.

        Raises:
            ClusterError: there is no kubectl, no context, or no answer.
        """
        asked = _run(["kubectl", "config", "current-context"])
        if asked.returncode:
            raise ClusterError(
                f"kubectl knows no cluster: {asked.stderr.strip()}. Make one (`kind create cluster`, `minikube start`), or say "
                f"where one is: KUBECONFIG names the file, `kubectl config use-context` chooses. {_INSTEAD}"
            )
        kubectl = cls(asked.stdout.strip())
        answered = kubectl.run("version", "--output=json")
        if answered.returncode:
            raise ClusterError(
                f"No cluster answers at context {kubectl.context!r}: {answered.stderr.strip()}. Start it, or choose another with "
                f"`kubectl config use-context`. {_INSTEAD}"
            )
        return kubectl

    def command(self, *arguments: str) -> list[str]:
        """Return the whole command line.

        Args:
            arguments: what comes after the context and the namespace.
        """
        return ["kubectl", "--context", self.context, "--namespace", NAMESPACE, *arguments]

    def run(self, *arguments: str, timeout_s: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it.

        Args:
            arguments: as in ``command``.
            timeout_s: how long it gets; one that takes longer counts as failed.
        """
        return _run(self.command(*arguments), timeout_s)

    def json(self, *arguments: str) -> Any:
        """Run it and read the JSON that it prints.

        Raises:
            ClusterError: it failed; the text says how.
        """
        ran = self.run(*arguments, "--output=json")
        if ran.returncode:
            raise ClusterError(f"`kubectl {' '.join(arguments)}` failed: {ran.stderr.strip()}")
        return json.loads(ran.stdout)

    def apply(self, folder: Path) -> None:
        """Apply a kustomization. What kubectl says goes to stderr, so that what ``vshop`` prints as JSON stays JSON.

        Args:
            folder: where its ``kustomization.yaml`` lies.

        Raises:
            ClusterError: the cluster refused something; its answer stands on stderr.
        """
        if subprocess.run(self.command("apply", "-k", str(folder)), stdout=_STDERR, check=False, timeout=120).returncode:
            raise ClusterError(
                f"`kubectl apply -k {folder}` failed; its output above says why. A kind that the cluster does not know "
                "(ScaledObject) comes with KEDA: https://keda.sh/docs/latest/deploy/"
            )


def _run(command: list[str], timeout_s: float = 30.0) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except FileNotFoundError as error:
        raise ClusterError(
            f"There is no `kubectl` on the path. Install it: https://kubernetes.io/docs/tasks/tools/ · {_INSTEAD}"
        ) from error
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {timeout_s:g} s")
