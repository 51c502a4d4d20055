import json
from pathlib import Path

import pytest

from loadtest.targets import Action, Containers

CONFIG = {"services": {"orders": {"ports": [{"target": 8080, "published": "18080"}]}}}


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log, docker = tmp_path / "log", tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\ncase "$*" in *config*) echo \'{json.dumps(CONFIG)}\';; *--file*) echo "$*" >> {log};; esac\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    return lambda: [line.split(" ", 3)[3] for line in log.read_text().splitlines()]


def test_containers_are_killed_and_started_again(said):
    containers = Containers()
    containers.inject(Action("kafka", "killed"), int)
    containers.inject(Action("dynamodb", "restarted"), int)
    containers.close()

    ready = "up --detach --no-build --no-deps --wait --wait-timeout 180"
    assert containers.addresses.orders == "http://127.0.0.1:18080"
    assert said() == [
        "kill --signal SIGKILL kafka",
        f"{ready} kafka",
        "restart --timeout 10 dynamodb",
        f"{ready} dynamodb",
    ]
