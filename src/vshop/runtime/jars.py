"""Files of the servers that run on Java: pinned by SHA-256, fetched once from Maven Central, then used offline by every shop.

Each set is listed in a file beside this one, e.g. ``kafka_jars.txt``.
"""

import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from vshop.runtime import folders
from vshop.runtime.errors import FetchError
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
    kind: str = "jar"
    """Its packaging; a library of the system's own has another."""

    @property
    def file(self) -> str:
        """Its file name."""
        return f"{self.artifact}-{self.version}.{self.kind}"


class Jars(NamedTuple):
    """One server's files."""

    part: str
    """The part of the shop that needs them; their list is ``<part>_jars.txt``."""
    title: str
    """The server as people call it."""

    def pinned(self) -> list[Jar]:
        """Read the list of pinned files."""
        lines = Path(__file__).with_name(f"{self.part}_jars.txt").read_text().splitlines()
        return [_parsed(line) for line in lines if not line.startswith("#")]

    def folder(self) -> Path:
        """Say where they lie. The folder appears when it is complete, never before; its name is that of its content."""
        content = hashlib.sha256("".join(sorted(jar.sha256 for jar in self.pinned())).encode()).hexdigest()
        return folders.cache() / f"{self.part}-{content[:12]}"

    def here(self) -> bool:
        """Say whether they have been fetched."""
        return self.folder().is_dir()

    def ensure(self, progress: Progress) -> list[Path]:
        """Fetch them unless they are there. Shops that start at the same time fetch once.

        Args:
            progress: told how much has come.

        Returns:
            The files, in an order that never changes (the AOT cache depends on it).

        Raises:
            FetchError: they cannot be fetched, or are not the pinned ones.
        """
        target = self.folder()
        if not target.is_dir():
            try:
                with locked(target.with_suffix(".lock"), _WAIT_S):
                    if not target.is_dir():
                        _fetch(self, target, progress)
            except LockedError as error:
                raise FetchError(
                    f"Waited {_WAIT_S:.0f} s for another shop to fetch {self.title} into {target}. Try again."
                ) from error
        return [target / name for name in sorted(jar.file for jar in self.pinned())]


KAFKA = Jars("kafka", "Kafka")
DYNAMODB = Jars("dynamodb", "DynamoDB Local")


def _parsed(line: str) -> Jar:
    coordinates, size, sha256 = line.split()
    group, artifact, version = coordinates.split(":")
    version, _, kind = version.partition("@")
    return Jar(group, artifact, version, int(size), sha256, kind or "jar")


def _fetch(what: Jars, target: Path, progress: Progress) -> None:
    # All goes into a folder that is renamed at the end: a fetch killed half-way leaves nothing that could be taken for a jar.
    staging = target.with_suffix(".partial")
    shutil.rmtree(staging, ignore_errors=True)
    jars = what.pinned()
    megabytes = sum(jar.size for jar in jars) / 1e6
    doing = f"fetching {what.title} ({megabytes:.0f} MB, once)"
    progress(Event(what.part, "fetching", doing))
    complete = staging / "jars"
    complete.mkdir(parents=True)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for count, (jar, path) in enumerate(zip(jars, _download(jars, staging / "repository", pool), strict=True), start=1):
                _verify(jar, path)
                path.rename(complete / jar.file)
                progress(Event(what.part, "fetching", f"{doing}: {count} of {len(jars)} files"))
    except FetchError:
        raise
    except Exception as error:  # jgo lets through whatever requests, the disk or it itself raises
        raise FetchError(
            f"{what.title} could not be fetched: tried {len(jars)} files ({megabytes:.0f} MB) from Maven Central.\n"
            f"Seen: {_root(error)}.\n"
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

    def get(jar: Jar) -> Path:
        component = context.project(jar.group, jar.artifact).at_version(jar.version)
        return Path(component.artifact(packaging=jar.kind).resolve())

    with _cancelled_on_error(pool):
        yield from pool.map(get, jars)


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
        raise FetchError(
            f"{jar.file} is not the pinned file: expected SHA-256 {jar.sha256}, got {found} "
            f"({path.stat().st_size} bytes instead of {jar.size}). Something between here and Maven Central changes downloads; "
            "use another network or mirror."
        )


def _root(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"
