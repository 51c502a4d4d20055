"""Which manifests are applied: an overlay of ``deploy/k8s``, and on top of it this run's image and settings."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vshop.runtime import folders
from vshop.runtime.cluster.kubectl import NAMESPACE, Kubectl
from vshop.runtime.errors import ClusterError

IMAGE = "virtual-shop"
"""The image's name in the manifests; another one is put in its place."""
ANNOTATION = "virtual-shop/overlay"
"""The namespace's annotation with the overlay's name; it is applied with the rest, so that even half a start says what it is."""
_AN_IMAGE = re.compile(r"^[ -]*image: (\S+)$", re.MULTILINE)
_HANDED_ON = ("SHOP_PAYLOADS", "SHOP_KAFKA_TRACE", "SHOP_REVEAL_CHAOS", "SHOP_FORWARD")


def find(wanted: str) -> Path:
    """Find an overlay.

    Args:
        wanted: the name of one in ``deploy/k8s/overlays``, or a folder with a kustomization.

    Raises:
        ClusterError: there is none of that name.
    """
    own = _manifests() / "overlays"
    for folder in (own / wanted, Path(wanted).expanduser()):
        if (folder / "kustomization.yaml").is_file():
            return folder.resolve()
    known = ", ".join(sorted(path.name for path in own.glob("*/"))) or f"none: there is no {own}, as this is no checkout"
    raise ClusterError(f"There is no overlay {wanted!r}: neither a folder with a kustomization.yaml, nor one of {known}.")


def build(
    base: Path, image: str, trace_url: str, environ: Mapping[str, str], folder: Path, *, volume_permissions: bool = False
) -> Path:
    """Write the kustomization that is applied; it stays there to be read, and to be applied again by hand.

    Args:
        base: the overlay.
        image: name and tag, or name and digest, of the services' image.
        trace_url: ``SHOP_TRACE_URL``, which depends on where Jaeger is forwarded to.
        environ: some ``SHOP_*`` variables are handed on from here, as to containers.
        folder: where to write it.
        volume_permissions: a container of root's opens each volume first.

    Returns:
        The folder.

    Raises:
        ClusterError: the image's name has no tag.
    """
    components = [_manifests() / "volume-permissions"] if volume_permissions else []
    settings = {name: environ[name] for name in _HANDED_ON if environ.get(name)} | {"SHOP_TRACE_URL": trace_url}
    folder.mkdir(parents=True, exist_ok=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": [os.path.relpath(base, folder.resolve())],
        "components": [os.path.relpath(one, folder.resolve()) for one in components],
        "patches": [{"target": {"kind": "Namespace"}, "patch": json.dumps(_annotated(base.name))}],
        "images": [{"name": IMAGE} | _split(image)],
        "configMapGenerator": [
            {"name": "shop", "behavior": "merge", "literals": [f"{name}={value}" for name, value in settings.items()]}
        ],
    }
    text = json.dumps(kustomization, indent=2)  # JSON is YAML
    (folder / "kustomization.yaml").write_text(f"# Written by `vshop up --mode k8s`.\n{text}\n", encoding="utf-8")
    return folder


def images(kubectl: Kubectl, folder: Path) -> list[str]:
    """Return the images that the manifests name, each once.

    Args:
        kubectl: renders them.
        folder: where the kustomization lies.

    Raises:
        ClusterError: it cannot be rendered.
    """
    rendered = kubectl.run("kustomize", str(folder))
    if rendered.returncode:
        raise ClusterError(f"`kubectl kustomize {folder}` failed: {rendered.stderr.strip()}")
    return sorted(set(_AN_IMAGE.findall(rendered.stdout)))


def _manifests() -> Path:
    return folders.services().parent / "deploy" / "k8s"


def _annotated(name: str) -> dict[str, Any]:
    metadata = {"name": NAMESPACE, "annotations": {ANNOTATION: name}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _split(image: str) -> dict[str, str]:
    name, at, digest = image.partition("@")
    if at:
        return {"newName": name, "digest": digest}
    name, colon, tag = image.rpartition(":")
    if not colon or "/" in tag:  # that colon is a port's
        raise ClusterError(f"{image!r} has no tag. Say which one is meant, e.g. {image}:1.2.3; `latest` is none.")
    return {"newName": name, "newTag": tag}
