"""Kafka's jar files: pinned by SHA-256 in ``kafka_jars.txt``, fetched once from Maven Central, then used offline by every shop."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from vshop.runtime import folders
from vshop.runtime.errors import KafkaFetchError
from vshop.runtime.locks import LockedError, locked
from vshop.runtime.progress import Event, Progress

_WAIT_S = 600.0
_AT_ONCE = 8


class Jar(NamedTuple):
    """One pinned file."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def file(self) -> str:
        """Its file name."""
        return f"{self.artifact}-{self.version}.jar"


def pinned() -> list[Jar]:
    """Read the list of pinned jars."""
    lines = Path(__file__).with_name("kafka_jars.txt").read_text().splitlines()
    rows = [re.split(r"[: ]", line) for line in lines if not line.startswith("#")]
    return [Jar(group, artifact, version, int(size), sha256) for group, artifact, version, size, sha256 in rows]


def folder() -> Path:
    """Say where the jars lie. The folder appears when it is complete, never before; its name is that of its content."""
    content = hashlib.sha256("".join(sorted(jar.sha256 for jar in pinned())).encode()).hexdigest()
    return folders.cache() / f"kafka-{content[:12]}"


def here() -> bool:
    """Say whether the jars have been fetched."""
    return folder().is_dir()


def ensure(progress: Progress) -> list[Path]:
    """Fetch the jars unless they are there. Shops that start at the same time fetch once.

    Args:
        progress: told how much has come.

    Returns:
        The jar files, in an order that never changes (the AOT cache depends on it).

    Raises:
        KafkaFetchError: they cannot be fetched, or are not the pinned ones.
    """
    target = folder()
    if not target.is_dir():
        try:
            with locked(target.with_suffix(".lock"), _WAIT_S):
                if not target.is_dir():
                    _fetch(target, progress)
        except LockedError as error:
            raise KafkaFetchError(f"Waited {_WAIT_S:.0f} s for another shop to fetch Kafka into {target}. Try again.") from error
    return [target / name for name in sorted(jar.file for jar in pinned())]


def _fetch(target: Path, progress: Progress) -> None:
    # All goes into a folder that is renamed at the end: a fetch killed half-way leaves nothing that could be taken for a jar.
    staging = target.with_suffix(".partial")
    shutil.rmtree(staging, ignore_errors=True)
    jars = pinned()
    megabytes = sum(jar.size for jar in jars) / 1e6
    progress(Event("kafka", "fetching", f"fetching Kafka ({megabytes:.0f} MB, once)"))
    complete = staging / "jars"
    complete.mkdir(parents=True)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for count, (jar, path) in enumerate(zip(jars, _download(jars, staging / "repository", pool), strict=True), start=1):
                _verify(jar, path)
                path.rename(complete / jar.file)
                progress(Event("kafka", "fetching", f"fetching Kafka ({megabytes:.0f} MB, once): {count} of {len(jars)} files"))
    except KafkaFetchError:
        raise
    except Exception as error:  # jgo lets through whatever requests, the disk or it itself raises
        raise KafkaFetchError(
            f"Kafka could not be fetched: tried {len(jars)} files ({megabytes:.0f} MB) from Maven Central.\nSeen: {_root(error)}.\n"
            "Check the network and try again; HTTPS_PROXY is honoured, and a mirror can be named under [repositories] in jgo's "
            f"~/.config/jgo.conf. On a machine without network, copy the folder {target} from one where a shop has run."
        ) from error
    complete.replace(target)
    shutil.rmtree(staging, ignore_errors=True)


def _download(jars: list[Jar], repository: Path, pool: ThreadPoolExecutor) -> Iterator[Path]:
    from jgo.config import GlobalSettings  # noqa: PLC0415 - half a second that only the very first start needs
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    # Not ~/.m2: a file cut short there would be believed for ever, by Maven too.
    remotes = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    context: Any = MavenContext(repo_cache=repository, remote_repos=remotes)
    with _cancelled_on_error(pool):
        yield from pool.map(lambda jar: context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve(), jars)


@contextmanager
def _cancelled_on_error(pool: ThreadPoolExecutor) -> Iterator[None]:
    try:
        yield
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _verify(jar: Jar, path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise KafkaFetchError(
            f"{jar.file} is not the pinned file: expected SHA-256 {jar.sha256}, got {found} "
            f"({path.stat().st_size} bytes instead of {jar.size}). Something between here and Maven Central changes downloads; "
            "use another network or mirror."
        )


def _root(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"
