"""Images for the cluster: the services' is built by Docker where it answers, and what Docker has is handed over by a command."""

import json
import shlex
import subprocess
from collections.abc import Iterable

from vshop.runtime import folders
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.cluster.overlay import IMAGE
from vshop.runtime.errors import ClusterError
from vshop.runtime.progress import Event, Progress

LOADERS = {"kind-": "kind load docker-image --name {}", "k3d-": "k3d image import --cluster {}", "minikube": "minikube image load"}
"""By how the context's name begins, the command that hands an image to such a cluster; braces for the rest of the name."""
_FALLBACK = f"{IMAGE}:local"
_STDERR = 2


def build(progress: Progress) -> str:
    """Build the services' image.

    Args:
        progress: told of the steps.

    Returns:
        Its name, with a tag that no other content has, so that pods are replaced exactly when it has changed.

    Raises:
        ClusterError: the build failed.
    """
    if not _docker("version"):
        progress(Event("image", "note", f"Docker does not answer, so nothing is built: the cluster has to have {_FALLBACK}"))
        return _FALLBACK
    folder = folders.services().parent
    if not (folder / "Dockerfile").is_file():
        raise ClusterError(f"There is no Dockerfile in {folder}: this is no checkout. Name an image instead: --image NAME:TAG.")
    progress(Event("image", "starting", "building"))
    built = subprocess.run(
        ["docker", "build", "--quiet", "--tag", _FALLBACK, str(folder)], stdout=subprocess.PIPE, text=True, check=False
    )
    if built.returncode:
        raise ClusterError(f"`docker build {folder}` failed; its output above says why.")
    image = f"{IMAGE}:{built.stdout.strip().removeprefix('sha256:')[:12]}"
    subprocess.run(["docker", "tag", _FALLBACK, image], check=True)
    progress(Event("image", "ready", image))
    return image


def hand_over(kubectl: Kubectl, loader: str, images: Iterable[str], progress: Progress) -> None:
    """Give the cluster those images that Docker has and one of its nodes lacks: nothing is fetched twice over a slow line.

    Args:
        kubectl: the cluster.
        loader: a command that gets an image's name as its last argument; empty where the cluster sees Docker's images.
        images: names with tags. One that Docker does not have is left for the cluster to pull.
        progress: told of each image.

    Raises:
        ClusterError: the command failed.
    """
    if not loader:
        return
    held = _held(kubectl)
    for image in images:
        if image not in held and _docker("image", "inspect", image):
            _load(loader, image, progress)


def how_to_load(context: str) -> str:
    """Say how an image gets into a cluster.

    Args:
        context: the context's name, which tells the usual local clusters apart.
    """
    for start, command in LOADERS.items():
        if context.startswith(start):
            return f"`--image-loader '{command.format(context.removeprefix(start))}'` hands over what Docker has."
    return (
        "`--image-loader COMMAND` hands over what Docker has (kind, k3d and minikube have such a command); `--image` names one of "
        "the services' that the cluster can pull."
    )


def _load(loader: str, image: str, progress: Progress) -> None:
    command = [*shlex.split(loader), image]
    progress(Event("image", "starting", f"loading: {shlex.join(command)}"))
    try:
        loaded = subprocess.run(command, stdout=_STDERR, check=False)
    except OSError as error:
        raise ClusterError(f"The image loader {command[0]!r} cannot be run: {error.strerror}.") from error
    if loaded.returncode:
        raise ClusterError(f"`{shlex.join(command)}` failed with {loaded.returncode}; its output above says why.")


def _held(kubectl: Kubectl) -> set[str]:
    """Return the images that every node has, without the registry that Docker leaves out; none when nodes may not be read."""
    listed = kubectl.run("get", "nodes", "--output=json")
    nodes = json.loads(listed.stdout)["items"] if listed.returncode == 0 else []
    each = [{_short(name) for one in node["status"].get("images", ()) for name in one["names"]} for node in nodes]
    return set.intersection(*each) if each else set()


def _short(name: str) -> str:
    return name.removeprefix("docker.io/").removeprefix("library/")


def _docker(*arguments: str) -> bool:
    try:
        return subprocess.run(["docker", *arguments], capture_output=True, timeout=20, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
