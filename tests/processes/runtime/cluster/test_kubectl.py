import pytest

from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.kubernetes.mode import ClusterMode, ClusterOptions
from vshop.runtime.model.errors import ClusterError


def test_missing_kubectl_names_the_alternative(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ClusterError, match=r"no `kubectl` on the path.*`vshop up` runs the same shop without"):
        ClusterMode(ClusterOptions()).up()


def test_missing_context_is_quoted(stand_in):
    stand_in("echo 'error: current-context is not set' >&2; exit 1")

    with pytest.raises(ClusterError, match=r"current-context is not set\. Create one \(`kind create cluster`"):
        Kubectl.current()


def test_unreachable_cluster_is_named_by_its_context(stand_in):
    stand_in('case "$*" in *current-context*) echo far-away;; *) echo "refused" >&2; exit 1;; esac')

    with pytest.raises(ClusterError, match=r"No cluster answers at context 'far-away': refused"):
        Kubectl.current()
