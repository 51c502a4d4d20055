"""Builds the services' image, and loads images into the cluster."""

import json
import shlex
import subprocess
from collections.abc import Iterable

from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.kubernetes.overlay import IMAGE
from vshop.runtime.model import folders
from vshop.runtime.model.errors import ClusterError
from vshop.runtime.model.processes import capture
from vshop.runtime.model.progress import Event, Progress

LOADERS = {"kind-": "kind load docker-image --name {}", "k3d-": "k3d image import --cluster {}", "minikube": "minikube image load"}
"""By prefix of the context's name. Braces stand for the rest of the name."""
_FALLBACK = f"{IMAGE}:local"
_STDERR = 2


def build(progress: Progress) -> str:
    """Build the services' image, and return its name. The tag is a hash, so that pods are replaced only after a change."""
    if not _docker("version"):
        progress(Event("image", "note", f"Docker does not answer, so no image is built; the cluster must already have {_FALLBACK}"))
        return _FALLBACK
    folder = folders.services().parent
    if not (folder / "Dockerfile").is_file():
        raise ClusterError(f"{folder} has no Dockerfile, so no image can be built. Name one with --image NAME:TAG.")
    progress(Event("image", "starting", "building"))
    command = ["docker", "build", "--quiet", "--tag", _FALLBACK, str(folder)]
    built = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if built.returncode:
        raise ClusterError(f"`docker build {folder}` failed; see its output above.")
    image = f"{IMAGE}:{built.stdout.strip().removeprefix('sha256:')[:12]}"
    subprocess.run(["docker", "tag", _FALLBACK, image], check=True)
    progress(Event("image", "ready", image))
    return image


def load(kubectl: Kubectl, loader: str, images: Iterable[str], progress: Progress) -> None:
    """Load the images that Docker has and some node lacks, by a command that takes an image's name as its last argument."""
    if not loader:
        return
    present = _images_on_every_node(kubectl)
    for image in images:
        if image in present or not _docker("image", "inspect", image):
            continue
        command = [*shlex.split(loader), image]
        progress(Event("image", "starting", f"loading: {shlex.join(command)}"))
        try:
            loaded = subprocess.run(command, stdout=_STDERR, check=False)
        except OSError as error:
            raise ClusterError(f"Cannot run the image loader {command[0]!r}: {error.strerror}.") from error
        if loaded.returncode:
            raise ClusterError(f"`{shlex.join(command)}` failed with exit code {loaded.returncode}; see its output above.")


def how_to_load(context: str) -> str:
    """Return advice on how to load an image."""
    for prefix, command in LOADERS.items():
        if context.startswith(prefix):
            return f"`--image-loader '{command.format(context.removeprefix(prefix))}'` loads it from Docker."
    return (
        "`--image-loader COMMAND` loads it from Docker (kind, k3d and minikube have such a command); `--image` names an image of "
        "the services that the cluster can pull."
    )


def _images_on_every_node(kubectl: Kubectl) -> set[str]:
    listed = kubectl.run("get", "nodes", "--output=json")
    nodes = json.loads(listed.stdout)["items"] if listed.returncode == 0 else []
    each = [[name for one in node["status"].get("images", ()) for name in one["names"]] for node in nodes]
    plain = [{name.removeprefix("docker.io/").removeprefix("library/") for name in names} for names in each]
    return set.intersection(*plain) if plain else set()


def _docker(*arguments: str) -> bool:
    try:
        return capture("docker", *arguments, timeout_s=20).returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
