import json
from pathlib import Path

import pytest

from vshop.runtime.kubernetes import overlay
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.model.errors import ClusterError


def test_unknown_overlay_lists_the_known_ones():
    with pytest.raises(ClusterError, match=r"no overlay 'lokal': .* aws, local, scale, tail-sampling"):
        overlay.find("lokal")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("virtual-shop:1", {"newName": "virtual-shop", "newTag": "1"}),
        ("host:5000/shop:1.2", {"newName": "host:5000/shop", "newTag": "1.2"}),
        ("shop@sha256:ab", {"newName": "shop", "digest": "sha256:ab"}),
    ],
)
def test_kustomization_sets_image_and_settings(tmp_path: Path, name, expected):
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


def test_volume_permissions_are_off_by_default(tmp_path: Path):
    def components(**options):
        folder = overlay.build(overlay.find("local"), "virtual-shop:1", "", {}, tmp_path / "k8s", **options)
        written = json.loads((folder / "kustomization.yaml").read_text().split("\n", 1)[1])
        return [(folder / one / "kustomization.yaml").resolve().parent.name for one in written["components"]]

    assert components() == []
    assert components(volume_permissions=True) == ["volume-permissions"]


@pytest.mark.parametrize("name", ["shop", "host:5000/shop"])
def test_an_image_needs_a_tag(tmp_path: Path, name):
    with pytest.raises(ClusterError, match="has no tag"):
        overlay.build(overlay.find("local"), name, "", {}, tmp_path)


def test_images_of_the_manifests(stand_in, tmp_path: Path):
    (tmp_path / "rendered").write_text(
        "containers:\n- image: a:1\n  name: main\ninitContainers:\n- name: x\n  image: b:2\n- image: a:1\n"
    )
    stand_in(f"cat {tmp_path}/rendered")

    assert overlay.images(Kubectl("kind-test"), tmp_path) == ["a:1", "b:2"]


def test_error_of_rendering_is_quoted(stand_in, tmp_path: Path):
    stand_in("echo 'error: no such file' >&2; exit 1")

    with pytest.raises(ClusterError, match=r"`kubectl kustomize .*` failed: error: no such file"):
        overlay.images(Kubectl("kind-test"), tmp_path)
