"""What is said where kubectl or a cluster is missing."""

import pytest

from vshop.runtime.cluster import lifecycle
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.errors import ClusterError


def test_no_kubectl(monkeypatch: pytest.MonkeyPatch):
    """The error says where to get it, and what does without."""
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ClusterError, match=r"no `kubectl` on the path.*`vshop up` runs the same shop without"):
        lifecycle.up(lifecycle.Wanted())


def test_no_cluster_is_known(stand_in):
    """Kubectl's own words are quoted."""
    stand_in("echo 'error: current-context is not set' >&2; exit 1")

    with pytest.raises(ClusterError, match=r"current-context is not set\. Make one \(`kind create cluster`"):
        Kubectl.current()


def test_no_cluster_answers(stand_in):
    """The context is named, for it may be the wrong one."""
    stand_in('case "$*" in *current-context*) echo far-away;; *) echo "refused" >&2; exit 1;; esac')

    with pytest.raises(ClusterError, match=r"No cluster answers at context 'far-away': refused"):
        Kubectl.current()
