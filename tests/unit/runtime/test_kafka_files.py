"""Kafka's and DynamoDB Local's files: pinned, fetched whole or not at all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vshop.runtime import jars, kafka
from vshop.runtime.errors import FetchError
from vshop.runtime.jars import DYNAMODB, KAFKA, Jar
from vshop.runtime.progress import silent


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("VSHOP_CACHE", str(tmp_path))
    return tmp_path


def test_pinned_jars() -> None:
    """The pinned jars hold kafka and its log writer."""
    pinned = {jar.artifact: jar for jar in KAFKA.pinned()}
    assert {"kafka_2.13", "kafka-clients", "slf4j-simple"} <= set(pinned)
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in pinned.values())


def test_pinned_files_of_dynamodb() -> None:
    """DynamoDB Local comes with SQLite for Linux and both kinds of Mac, which it cannot do without."""
    files = {jar.file for jar in DYNAMODB.pinned()}
    libraries = {
        "libsqlite4java-linux-amd64-1.0.392.so",
        "libsqlite4java-osx-1.0.392.dylib",
        "libsqlite4java-osx-aarch64-1.0.392.dylib",
    }
    assert {"DynamoDBLocal-3.1.0.jar", "jetty-xml-12.0.14.jar"} | libraries <= files


def test_no_network(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Without network the error says what was tried and what to do."""

    def unreachable(*_args: object) -> Iterator[Path]:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(jars, "_download", unreachable)
    with pytest.raises(FetchError, match=r"45 MB.*\nSeen: ConnectionError: Name or service not known.*\n.*copy the folder"):
        KAFKA.ensure(silent)
    assert not KAFKA.here()


def test_tampered_jar(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """A file that is not the pinned one is refused."""

    def tampered(pinned: list[Jar], _repository: Path, _pool: ThreadPoolExecutor) -> Iterator[Path]:
        for jar in pinned:
            path = cache / jar.file
            path.write_bytes(b"something else")
            yield path

    monkeypatch.setattr(jars, "_download", tampered)
    with pytest.raises(FetchError, match=r"is not the pinned file: expected SHA-256 \w{64}, got \w{64} \(14 bytes"):
        KAFKA.ensure(silent)
    assert not KAFKA.here()


def test_data_kept_or_wiped(tmp_path: Path) -> None:
    """Data is wiped unless it is kept."""
    meta, record = tmp_path / "data" / "meta.properties", tmp_path / "data" / "record"
    kafka.prepare(tmp_path, 1, 2, keep=False)
    first = meta.read_text()
    record.touch()
    kafka.prepare(tmp_path, 3, 4, keep=True)
    assert meta.read_text() == first
    assert record.exists()
    kafka.prepare(tmp_path, 1, 2, keep=False)
    assert meta.read_text() != first
    assert not record.exists()
