from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from vshop.runtime.backends import jars, java_servers
from vshop.runtime.backends.jars import DYNAMODB, KAFKA, Jar
from vshop.runtime.local import aot
from vshop.runtime.model.errors import FetchError
from vshop.runtime.model.progress import silent


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSHOP_CACHE", str(tmp_path))
    return tmp_path


def test_kafka_is_pinned() -> None:
    pinned = {jar.artifact: jar for jar in KAFKA.pinned()}
    assert {"kafka_2.13", "kafka-clients", "slf4j-simple"} <= set(pinned)
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in pinned.values())


def test_dynamodb_local_is_pinned_with_its_native_libraries() -> None:
    files = {jar.file for jar in DYNAMODB.pinned()}
    libraries = {
        "libsqlite4java-linux-amd64-1.0.392.so",
        "libsqlite4java-osx-1.0.392.dylib",
        "libsqlite4java-osx-aarch64-1.0.392.dylib",
    }
    assert {"DynamoDBLocal-3.1.0.jar", "jetty-xml-12.0.14.jar"} | libraries <= files


def test_error_without_network_gives_advice(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    def unreachable(*_args: object) -> Iterator[Path]:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(jars, "_download", unreachable)
    with pytest.raises(FetchError, match=r"45 MB.*\nCause: ConnectionError: Name or service not known.*\n.*copy the folder"):
        KAFKA.ensure(silent)
    assert not KAFKA.fetched()


def test_wrong_checksum_is_refused(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    def tampered(pinned: list[Jar], _repository: Path, _pool: ThreadPoolExecutor) -> Iterator[Path]:
        for jar in pinned:
            path = cache / jar.file
            path.write_bytes(b"something else")
            yield path

    monkeypatch.setattr(jars, "_download", tampered)
    with pytest.raises(FetchError, match=r"does not match its pinned checksum: expected SHA-256 \w{64}, got \w{64} \(14 bytes"):
        KAFKA.ensure(silent)
    assert not KAFKA.fetched()


def test_kafka_data_is_removed_unless_kept(tmp_path: Path) -> None:
    meta, record = tmp_path / "data" / "meta.properties", tmp_path / "data" / "record"
    java_servers.prepare_kafka(tmp_path, 1, 2, keep=False)
    first = meta.read_text()
    record.touch()
    java_servers.prepare_kafka(tmp_path, 3, 4, keep=True)
    assert meta.read_text() == first
    assert record.exists()
    java_servers.prepare_kafka(tmp_path, 1, 2, keep=False)
    assert meta.read_text() != first
    assert not record.exists()


def test_kafka_paths_do_not_depend_on_the_name_of_the_home_folder(tmp_path: Path) -> None:
    properties = java_servers.prepare_kafka(tmp_path / "a,b\\ü" / "kafka", 1, 2, keep=False)

    assert "log.dirs=../kafka/data\n" in properties.read_text()
    assert java_servers.kafka_command(properties, [])[-1] == "../kafka/server.properties"


def test_environments_with_the_same_jvm_share_the_start_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for name in ("first", "second"):
        runtime = tmp_path / name
        (runtime / "lib" / "server").mkdir(parents=True)
        (runtime / "release").write_text("JAVA_VERSION=25")
        for path in ("modules", "server/libjvm.so", "server/libjvm.dylib"):
            (runtime / "lib" / path).write_text("the same")
        monkeypatch.setattr(java_servers, "java", lambda runtime=runtime: runtime / "bin" / "java")
        files.append(aot.cache_file())
    (tmp_path / "second" / "release").write_text("JAVA_VERSION=26")

    assert files[0] == files[1] != aot.cache_file()
