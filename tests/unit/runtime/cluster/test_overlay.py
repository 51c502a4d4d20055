"""What is applied: an overlay, and this run's image and settings on top."""

import json
from pathlib import Path

import pytest

from vshop.runtime.cluster import overlay
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.errors import ClusterError


def test_an_unknown_overlay_is_told_with_the_known_ones():
    """They are folders of deploy/k8s/overlays."""
    with pytest.raises(ClusterError, match=r"no overlay 'lokal': .* aws, local, scale"):
        overlay.find("lokal")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("virtual-shop:1", {"newName": "virtual-shop", "newTag": "1"}),
        ("host:5000/shop:1.2", {"newName": "host:5000/shop", "newTag": "1.2"}),
        ("shop@sha256:ab", {"newName": "shop", "digest": "sha256:ab"}),
    ],
)
def test_the_image_and_the_settings_lie_on_top_of_the_overlay(tmp_path: Path, name, expected):
    """In a kustomization that can be read, and applied by hand."""
    environ = {"SHOP_PAYLOADS": "metadata", "SHOP_ORDERS_PORT": "1", "HOME": "/"}

    folder = overlay.build(overlay.find("local"), name, "http://127.0.0.1:1/trace/{traceId}", environ, tmp_path / "k8s")

    written = json.loads((folder / "kustomization.yaml").read_text().split("\n", 1)[1])
    assert written["images"] == [{"name": "virtual-shop"} | expected]
    assert (folder / written["resources"][0]).resolve() == overlay.find("local")
    assert json.loads(written["patches"][0]["patch"])["metadata"]["annotations"] == {overlay.ANNOTATION: "local"}
    assert written["configMapGenerator"][0]["literals"] == [
        "SHOP_PAYLOADS=metadata",
        "SHOP_TRACE_URL=http://127.0.0.1:1/trace/{traceId}",
    ]


def test_volumes_are_opened_only_where_it_is_asked_for(tmp_path: Path):
    """By a component on top of the overlay."""

    def components(**asked):
        folder = overlay.build(overlay.find("local"), "virtual-shop:1", "", {}, tmp_path / "k8s", **asked)
        written = json.loads((folder / "kustomization.yaml").read_text().split("\n", 1)[1])
        return [(folder / one / "kustomization.yaml").resolve().parent.name for one in written["components"]]

    assert components() == []
    assert components(volume_permissions=True) == ["volume-permissions"]


@pytest.mark.parametrize("name", ["shop", "host:5000/shop"])
def test_an_image_needs_a_tag(tmp_path: Path, name):
    """For `latest` is whatever was there last."""
    with pytest.raises(ClusterError, match="has no tag"):
        overlay.build(overlay.find("local"), name, "", {}, tmp_path)


def test_the_manifests_say_which_images_they_need(stand_in, tmp_path: Path):
    """As kubectl renders them: each once, of containers and of those that come first."""
    (tmp_path / "rendered").write_text(
        "containers:\n- image: a:1\n  name: main\ninitContainers:\n- name: x\n  image: b:2\n- image: a:1\n"
    )
    stand_in(f"cat {tmp_path}/rendered")

    assert overlay.images(Kubectl("kind-test"), tmp_path) == ["a:1", "b:2"]


def test_manifests_that_cannot_be_rendered_are_not_applied(stand_in, tmp_path: Path):
    """Kubectl's own words are quoted."""
    stand_in("echo 'error: no such file' >&2; exit 1")

    with pytest.raises(ClusterError, match=r"`kubectl kustomize .*` failed: error: no such file"):
        overlay.images(Kubectl("kind-test"), tmp_path)
