"""One overlay at a time, and nothing left of it, on the cluster that is meant."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.runtime.cluster.objects import CONTEXT
from vshop.runtime import processes
from vshop.runtime.cluster import forwards, lifecycle, overlay
from vshop.runtime.errors import ClusterError


def test_one_overlay_does_not_go_over_another(stand_in):
    """Kafka's controllers could not agree any more."""
    held = json.dumps({"metadata": {"annotations": {overlay.ANNOTATION: "scale"}}})
    stand_in(f"{CONTEXT} *'get namespace'*) echo '{held}';; esac")

    with pytest.raises(ClusterError, match="holds the overlay 'scale', which cannot become 'local' while it runs"):
        lifecycle.up(lifecycle.Wanted())


def test_nothing_is_applied_where_it_is_not_known_what_is_there(stand_in, tmp_path: Path):
    """A cluster that does not say what the namespace holds is not one that holds nothing."""
    stand_in(f'{CONTEXT} *"get namespace"*) echo "Forbidden" >&2; exit 1;; *) touch {tmp_path}/went-on;; esac')

    with pytest.raises(ClusterError, match="cannot be read, so nothing was applied: Forbidden"):
        lifecycle.up(lifecycle.Wanted(home=str(tmp_path)))
    assert not (tmp_path / "went-on").exists()


@pytest.fixture
def began_on(tmp_path: Path):
    """Leave behind what a start on a context leaves, its forwards ended by whoever ended them."""

    def make(context: str) -> str:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        identity = processes.identify(gone.pid)
        gone.wait()
        forwards.folder(str(tmp_path)).mkdir()
        written = json.dumps({"context": context, "overlay": "local", "addresses": {}, "process": identity})
        (forwards.folder(str(tmp_path)) / "forwards.json").write_text(written)
        return str(tmp_path)

    return make


def test_a_namespace_that_does_not_go_is_told_and_asked_for_again_on_the_same_cluster(stand_in, began_on, tmp_path: Path):
    """Whatever the current context is by then: another cluster may have such a namespace too."""
    home = began_on("far-away")
    stand_in(f'echo "$*" >> {tmp_path}/asked; [ -e {tmp_path}/goes ] || {{ echo "timed out" >&2; exit 1; }}')

    with pytest.raises(ClusterError, match=r"is not gone: timed out\. `kubectl get namespace virtual-shop -o yaml`"):
        lifecycle.down(home)
    (tmp_path / "goes").touch()
    lifecycle.down(home)

    first, again = (tmp_path / "asked").read_text().splitlines()
    assert first == again
    assert first.startswith("--context far-away --namespace virtual-shop delete namespace")
    assert forwards.read(home) is None
