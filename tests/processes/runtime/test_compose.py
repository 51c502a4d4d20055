import json
from pathlib import Path

import pytest

from vshop.runtime import compose
from vshop.runtime.model.errors import ComposeError
from vshop.runtime.model.progress import silent

CONFIG = {
    "services": {
        "orders": {"ports": [{"target": 8080, "published": "18080"}]},
        "jaeger": {"ports": [{"target": 16686, "published": "16686"}, {"target": 4318, "published": "4318"}]},
        "kafka": {},
    }
}
ROWS = [
    {"Service": "orders", "State": "running", "Health": "healthy"},
    {"Service": "kafka", "State": "exited", "Health": ""},
    {"Service": "dynamodb", "State": "running", "Health": "unhealthy"},
]
UP = 'case "$*" in version*) echo 26.1;; "compose version"*) echo 2.26.1;;'


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def make(script: str) -> None:
        file = tmp_path / "docker"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    return make


def test_missing_docker_names_the_alternative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ComposeError, match=r"Install Docker with Compose 2\.20 or newer\. `vshop up` runs the same shop without"):
        compose.up(1)


def test_stopped_engine_is_quoted(docker) -> None:
    docker("echo 'Cannot connect to the Docker daemon at unix:///x' >&2; exit 1")
    with pytest.raises(ComposeError, match=r"Cannot connect to the Docker daemon at unix:///x\. Start it, or set DOCKER_HOST"):
        compose.up(1)


def test_docker_without_compose(docker) -> None:
    docker('case "$*" in version*) echo 26.1;; *) exit 1;; esac')
    with pytest.raises(ComposeError, match="Docker has no `compose` command"):
        compose.down(volumes=False)


def test_unhealthy_containers_are_named_with_their_logs(docker) -> None:
    rows = "\n".join(json.dumps(row) for row in ROWS)
    docker(f"{UP} *' up '*) exit 1;; *' ps '*) echo '{rows}';; *' logs '*) echo Out of memory;; esac")
    with pytest.raises(ComposeError) as caught:
        compose.up(1)
    text = str(caught.value)
    assert "kafka is exited. The end of its log:\n  | Out of memory" in text
    assert "dynamodb is running and unhealthy." in text
    assert "orders" not in text


def test_addresses_are_the_published_ports(docker) -> None:
    docker(f"{UP} *' config '*) echo '{json.dumps(CONFIG)}';; esac")
    assert compose.addresses() == {"orders": "http://127.0.0.1:18080", "traces": "http://127.0.0.1:16686"}


def test_tail_sampling_adds_its_profile(docker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    docker(f'echo "$*" >> {tmp_path}/ran; {UP} esac')
    compose.up(1)
    monkeypatch.setenv("SHOP_TAIL_SAMPLING", "1")
    compose.up(1)
    monkeypatch.delenv("SHOP_TAIL_SAMPLING")
    compose.down(volumes=False)

    ups = [line for line in (tmp_path / "ran").read_text().splitlines() if " up " in line or " down " in line]
    assert ["--profile tail-sampling" in line for line in ups] == [False, True, True]  # `down` also removes those of profiles


def test_memory_is_read_in_every_unit(docker) -> None:
    stats = '{"Name":"b","MemUsage":"1.5GiB / 2GiB"}\n{"Name":"a","MemUsage":"12.5MiB / 1GiB"}'
    docker(f"{UP} *' ps '*) echo one;; stats*) echo '{stats}';; esac")
    assert compose.containers() == {"a": 13_107_200, "b": 1_610_612_736}


def test_started_containers_are_reported_with_their_memory_and_other_ports(docker) -> None:
    stats = '{"Name":"orders-1","MemUsage":"50MB / 2GiB"}'
    docker(f"{UP} *' config '*) echo '{json.dumps(CONFIG)}';; *' ps '*) echo one;; stats*) echo '{stats}';; esac")

    started = compose.ComposeMode(1).up(silent)

    assert started.details == {"containers": [{"name": "orders-1", "residentBytes": 50_000_000}]}
    assert started.notes == (
        "1 containers, 50 MB resident in all:\n  orders-1  50 MB",
        "The ports are not the defaults. Set these for all other commands:\n  export VSHOP_ORDERS_URL=http://127.0.0.1:18080",
    )
