import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.runtime.cluster.objects import CONTEXT
from vshop.runtime.kubernetes import forwards, overlay
from vshop.runtime.kubernetes.mode import ClusterMode, ClusterOptions
from vshop.runtime.model import processes
from vshop.runtime.model.errors import ClusterError


def test_overlay_does_not_replace_another(stand_in):
    held = json.dumps({"metadata": {"annotations": {overlay.ANNOTATION: "scale"}}})
    stand_in(f"{CONTEXT} *'get namespace'*) echo '{held}';; esac")

    with pytest.raises(ClusterError, match="runs the overlay 'scale', which cannot be changed to 'local' while it runs"):
        ClusterMode(ClusterOptions()).up()


def test_unreadable_namespace_stops_the_start(stand_in, tmp_path: Path):
    stand_in(f'{CONTEXT} *"get namespace"*) echo "Forbidden" >&2; exit 1;; *) touch {tmp_path}/went-on;; esac')

    with pytest.raises(ClusterError, match="Nothing was applied, because the namespace virtual-shop cannot be read: Forbidden"):
        ClusterMode(ClusterOptions(home=str(tmp_path))).up()
    assert not (tmp_path / "went-on").exists()


def test_variables_that_pods_do_not_take_are_named(stand_in, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_PROPAGATORS", "b3")
    stand_in(f"{CONTEXT} *apply*) echo refused >&2; exit 1;; esac")
    told: list[str] = []

    with pytest.raises(ClusterError, match="kubectl apply"):
        ClusterMode(ClusterOptions(home=str(tmp_path), image="shop:1")).up(lambda event: told.append(event.detail))

    assert (
        "OTEL_PROPAGATORS: ignored, because containers take no variables of the shell; set them in shop.env of an overlay" in told
    )


@pytest.fixture
def started_on(tmp_path: Path):
    def make(context: str) -> str:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        identity = processes.identify(gone.pid)
        gone.wait()
        forwards.folder(str(tmp_path)).mkdir()
        written = json.dumps({"context": context, "overlay": "local", "addresses": {}, "process": identity})
        (forwards.folder(str(tmp_path)) / "forwards.json").write_text(written)
        return str(tmp_path)

    return make


def test_repeated_down_uses_the_same_cluster(stand_in, started_on, tmp_path: Path):
    """The current context may be another cluster by then, with a namespace of the same name."""
    home = started_on("far-away")
    stand_in(f'echo "$*" >> {tmp_path}/asked; [ -e {tmp_path}/goes ] || {{ echo "timed out" >&2; exit 1; }}')

    with pytest.raises(ClusterError, match=r"was not deleted: timed out\. `kubectl get namespace virtual-shop -o yaml`"):
        ClusterMode(ClusterOptions(home=home)).down()
    (tmp_path / "goes").touch()
    ClusterMode(ClusterOptions(home=home)).down()

    first, again = (tmp_path / "asked").read_text().splitlines()
    assert first == again
    assert first.startswith("--context far-away --namespace virtual-shop delete namespace")
    assert forwards.read(home) is None
