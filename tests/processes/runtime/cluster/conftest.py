import json
from pathlib import Path

import pytest

from tests.processes.runtime.cluster.objects import CONTEXT
from vshop.runtime.kubernetes.kubectl import Kubectl


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def make(script: str, name: str = "kubectl") -> None:
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{file.parent}:/bin:/usr/bin")

    return make


@pytest.fixture
def cluster(stand_in, tmp_path: Path):
    def make(log="out of memory", **held) -> Kubectl:
        lines = []
        for kind, objects in {"deployments": [], "pods": [], "events": [], **held}.items():
            (tmp_path / kind).write_text(json.dumps({"items": objects}))
            lines.append(f'*"get {kind}"*) cat {tmp_path / kind};;')
        stand_in(f"{CONTEXT} *logs*) echo '{log}';; {' '.join(lines)} *) exit 1;; esac")
        return Kubectl("kind-test")

    return make
