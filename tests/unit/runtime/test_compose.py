"""What is said when Docker cannot do it, and what is read from what it prints."""

import json
from pathlib import Path

import pytest

from vshop.runtime import compose
from vshop.runtime.errors import ComposeError

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
    """Put a ``docker`` on the path that runs a line of shell."""

    def make(script: str) -> None:
        file = tmp_path / "docker"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    return make


def test_no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and what does without."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ComposeError, match=r"Install Docker with Compose 2\.20 or newer\. `vshop up` runs the same shop without"):
        compose.up(1)


def test_no_engine(docker) -> None:
    """The engine's own words are quoted."""
    docker("echo 'Cannot connect to the Docker daemon at unix:///x' >&2; exit 1")
    with pytest.raises(ComposeError, match=r"Cannot connect to the Docker daemon at unix:///x\. Start it \(DOCKER_HOST"):
        compose.up(1)


def test_no_compose(docker) -> None:
    """Docker may come without Compose."""
    docker('case "$*" in version*) echo 26.1;; *) exit 1;; esac')
    with pytest.raises(ComposeError, match="`docker compose` is not there"):
        compose.down(volumes=False)


def test_a_container_that_does_not_become_healthy(docker) -> None:
    """Each that is not healthy is named, with the end of its log; the healthy ones are not."""
    rows = "\n".join(json.dumps(row) for row in ROWS)
    docker(f"{UP} *' up '*) exit 1;; *' ps '*) echo '{rows}';; *' logs '*) echo Out of memory;; esac")
    with pytest.raises(ComposeError) as caught:
        compose.up(1)
    text = str(caught.value)
    assert "kafka is exited. The end of its log:\n  | Out of memory" in text
    assert "dynamodb is running and unhealthy." in text
    assert "orders" not in text


def test_addresses_are_the_published_ports(docker) -> None:
    """By the names that ``vshop.addresses`` has; what is not published is left out."""
    docker(f"{UP} *' config '*) echo '{json.dumps(CONFIG)}';; esac")
    assert compose.addresses() == {"orders": "http://127.0.0.1:18080", "traces": "http://127.0.0.1:16686"}


def test_memory_is_read_in_every_unit(docker) -> None:
    """``docker stats`` prints sizes for people."""
    stats = '{"Name":"b","MemUsage":"1.5GiB / 2GiB"}\n{"Name":"a","MemUsage":"12.5MiB / 1GiB"}'
    docker(f"{UP} *' ps '*) echo one;; stats*) echo '{stats}';; esac")
    assert compose.containers() == [("a", 13_107_200), ("b", 1_610_612_736)]
