"""Writes the kustomization to apply: an overlay with this run's image and settings."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from vshop.kit.telemetry.dialects import STABILITY
from vshop.runtime.kubernetes.kubectl import NAMESPACE, Kubectl
from vshop.runtime.model import folders
from vshop.runtime.model.errors import ClusterError

IMAGE = "virtual-shop"
ANNOTATION = "virtual-shop/overlay"
"""Of the namespace, with the overlay's name; a failed start has it too."""
_IMAGE_LINE = re.compile(r"^[ -]*image: (\S+)$", re.MULTILINE)
PASSED_SETTINGS = (
    "SHOP_PAYLOADS",
    "SHOP_EXCEPTIONS",
    "SHOP_KAFKA_TRACE",
    "SHOP_REVEAL_CHAOS",
    "SHOP_FORWARD",
    "SHOP_TELEMETRY",
    STABILITY,
)


def find(wanted: str) -> Path:
    """Return the folder of an overlay by its name or path, or raise ClusterError."""
    own = _manifests() / "overlays"
    for folder in (own / wanted, Path(wanted).expanduser()):
        if (folder / "kustomization.yaml").is_file():
            return folder.resolve()
    known = ", ".join(sorted(path.name for path in own.glob("*/"))) or f"none, because {own} does not exist: this is not a checkout"
    raise ClusterError(f"There is no overlay {wanted!r}: neither a folder with a kustomization.yaml, nor one of {known}.")


def build(
    base: Path, image: str, trace_url: str, environ: Mapping[str, str], folder: Path, *, volume_permissions: bool = False
) -> Path:
    """Write the kustomization to apply, and return its folder. Raises ClusterError if the image has no tag or digest.

    ``environ`` provides the settings that are passed on; ``trace_url`` has the port to which Jaeger is forwarded;
    ``volume_permissions`` opens each volume in an init container that runs as root.
    """
    metadata = {"name": NAMESPACE, "annotations": {ANNOTATION: base.name}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    components = [_manifests() / "volume-permissions"] if volume_permissions else []
    settings = {name: environ[name] for name in PASSED_SETTINGS if environ.get(name)} | {"SHOP_TRACE_URL": trace_url}
    folder.mkdir(parents=True, exist_ok=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": [os.path.relpath(base, folder.resolve())],
        "components": [os.path.relpath(one, folder.resolve()) for one in components],
        "patches": [{"target": {"kind": "Namespace"}, "patch": json.dumps(namespace)}],
        "images": [{"name": IMAGE} | _split_image(image)],
        "configMapGenerator": [{"name": "shop", "behavior": "merge", "literals": list(map("=".join, settings.items()))}],
    }
    text = json.dumps(kustomization, indent=2)  # JSON is YAML
    (folder / "kustomization.yaml").write_text(f"# Written by `vshop up --mode k8s`.\n{text}\n", encoding="utf-8")
    return folder


def images(kubectl: Kubectl, folder: Path) -> list[str]:
    """Return the images in the manifests."""
    rendered = kubectl.run("kustomize", str(folder))
    if rendered.returncode:
        raise ClusterError(f"`kubectl kustomize {folder}` failed: {rendered.stderr.strip()}")
    return sorted(set(_IMAGE_LINE.findall(rendered.stdout)))


def _manifests() -> Path:
    return folders.services().parent / "deploy" / "k8s"


def _split_image(image: str) -> dict[str, str]:
    name, at, digest = image.partition("@")
    if at:
        return {"newName": name, "digest": digest}
    name, colon, tag = image.rpartition(":")
    if not colon or "/" in tag:  # the colon belongs to a port
        raise ClusterError(f"The image {image!r} has no tag. Add one, e.g. {image}:1.2.3, but not `latest`, which changes.")
    return {"newName": name, "newTag": tag}
