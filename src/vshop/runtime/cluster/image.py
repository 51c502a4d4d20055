"""The services' image: built by Docker where it answers, and handed to the cluster by a command of the user's."""

import shlex
import subprocess

from vshop.runtime import folders
from vshop.runtime.cluster.overlay import IMAGE
from vshop.runtime.errors import ClusterError
from vshop.runtime.progress import Event, Progress

LOADERS = {"kind-": "kind load docker-image --name {}", "k3d-": "k3d image import --cluster {}", "minikube": "minikube image load"}
"""By how the context's name begins, the command that hands an image to such a cluster; braces for the rest of the name."""
_FALLBACK = f"{IMAGE}:local"
_STDERR = 2


def provide(loader: str, progress: Progress) -> str:
    """Build the image and hand it to the cluster.

    Args:
        loader: a command that gets the image's name as its last argument; empty where the cluster sees Docker's images.
        progress: told of the steps.

    Returns:
        Its name, with a tag that no other content has, so that pods are replaced exactly when it has changed.

    Raises:
        ClusterError: the build or the command failed.
    """
    if not _docker_answers():
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
    if loader:
        _load(loader, image, progress)
    progress(Event("image", "ready", image))
    return image


def how_to_load(context: str) -> str:
    """Say how an image gets into a cluster.

    Args:
        context: the context's name, which tells the usual local clusters apart.
    """
    for start, command in LOADERS.items():
        if context.startswith(start):
            return f"`--image-loader '{command.format(context.removeprefix(start))}'` hands it over."
    return "`--image-loader COMMAND` hands it over (kind, k3d and minikube have one), or `--image` names one that it can pull."


def _load(loader: str, image: str, progress: Progress) -> None:
    command = [*shlex.split(loader), image]
    progress(Event("image", "starting", f"loading: {shlex.join(command)}"))
    try:
        loaded = subprocess.run(command, stdout=_STDERR, check=False)
    except OSError as error:
        raise ClusterError(f"The image loader {command[0]!r} cannot be run: {error.strerror}.") from error
    if loaded.returncode:
        raise ClusterError(f"`{shlex.join(command)}` failed with {loaded.returncode}; its output above says why.")


def _docker_answers() -> bool:
    try:
        return subprocess.run(["docker", "version"], capture_output=True, timeout=20, check=False).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
