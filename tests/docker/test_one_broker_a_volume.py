from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from confluent_kafka.admin import AdminClient, NewTopic

from tests.docker.conftest import KAFKA
from tests.waiting import wait_until
from vshop.runtime.model import ports

BASE = Path(__file__).parents[2] / "deploy" / "k8s" / "base"
VOLUME = "/var/lib/kafka/data"
STARTED, WAITS = b"Kafka Server started", b"Another broker still uses this volume"


def _arguments() -> list[str]:
    (broker,) = (one for one in yaml.safe_load_all((BASE / "kafka.yaml").read_text()) if one["kind"] == "StatefulSet")
    return broker["spec"]["template"]["spec"]["containers"][0]["args"]


def _environment(port: int) -> dict[str, str]:
    lines = (line for line in (BASE / "kafka.env").read_text().splitlines() if not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines) | {
        "KAFKA_NODE_ID": "0",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "0@localhost:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"BROKER://127.0.0.1:{port}",
    }


@pytest.fixture
def start(engine: docker.DockerClient) -> Iterator[Callable[[int], Any]]:
    volume, begun = engine.volumes.create(), list[Any]()
    mount = {volume.name: {"bind": VOLUME, "mode": "rw"}}
    engine.containers.run(KAFKA, ["-R", "1000:1000", VOLUME], entrypoint="chown", user="0", volumes=mount, remove=True)

    def run(port: int) -> Any:
        published, env = {"9092/tcp": ("127.0.0.1", port)}, _environment(port)
        broker = engine.containers.run(
            KAFKA, _arguments(), user="1000", environment=env, volumes=mount, ports=published, detach=True
        )
        begun.append(broker)
        return broker

    yield run
    for one in begun:
        one.remove(force=True, v=True)
    volume.remove()


def test_the_second_broker_waits_for_the_first(start: Callable[[int], Any]):
    """Side by side, each would overwrite the records of the other."""
    here, there = ports.free(2)
    first = start(here)
    wait_until(lambda: STARTED in first.logs(), 90)
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{here}"})
    admin.create_topics([NewTopic("kept", 4, 1)])["kept"].result(30)
    second = start(there)
    wait_until(lambda: WAITS in second.logs(), 30)
    first.kill()
    wait_until(lambda: STARTED in second.logs(), 90)

    said = second.logs()
    assert said.index(WAITS) < said.index(STARTED)
    assert [line for line in said.splitlines() if b" ERROR " in line or b"orrupt" in line] == []
    topics = AdminClient({"bootstrap.servers": f"127.0.0.1:{there}"}).list_topics(timeout=30).topics
    assert len(topics["kept"].partitions) == 4
