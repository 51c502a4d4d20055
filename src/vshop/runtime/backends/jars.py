"""Downloads jars once, from Maven Central or a mirror, pinned by SHA-256 in ``*_jars.txt``."""

import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self

from vshop.runtime.model import folders
from vshop.runtime.model.errors import FetchError
from vshop.runtime.model.progress import Event, Progress

_WAIT_S = 600.0
_AT_ONCE = 8


class Jar(NamedTuple):
    """One pinned file."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str
    kind: str
    """Maven packaging; ``so`` or ``dylib`` for a native library."""

    @classmethod
    def parse(cls, line: str) -> Self:
        """Parse a line of ``*_jars.txt``: ``group:artifact:version[@kind] size sha256``."""
        coordinates, size, sha256 = line.split()
        group, artifact, version = coordinates.split(":")
        version, _, kind = version.partition("@")
        return cls(group, artifact, version, int(size), sha256, kind or "jar")

    @property
    def file(self) -> str:
        """File name."""
        return f"{self.artifact}-{self.version}.{self.kind}"


class Jars(NamedTuple):
    """The files of one server."""

    part: str
    title: str

    def pinned(self) -> list[Jar]:
        """Read the list of files."""
        lines = Path(__file__).with_name(f"{self.part}_jars.txt").read_text().splitlines()
        return [Jar.parse(line) for line in lines if not line.startswith("#")]

    def folder(self) -> Path:
        """Return the folder of the files, which exists only when complete."""
        content = hashlib.sha256("".join(sorted(jar.sha256 for jar in self.pinned())).encode()).hexdigest()
        return folders.cache() / f"{self.part}-{content[:12]}"

    def fetched(self) -> bool:
        """Return whether the files have been downloaded."""
        return self.folder().is_dir()

    def ensure(self, progress: Progress) -> list[Path]:
        """Download the files unless they exist, and return them in a fixed order, on which the AOT cache depends.

        Raises FetchError if the download fails or a checksum differs.
        """
        target = self.folder()
        folders.ensure(target, lambda partial: _fetch(self, partial, target, progress), _WAIT_S, f"fetch {self.title}")
        return [target / name for name in sorted(jar.file for jar in self.pinned())]


KAFKA = Jars("kafka", "Kafka")
DYNAMODB = Jars("dynamodb", "DynamoDB Local")


def _fetch(server: Jars, folder: Path, target: Path, progress: Progress) -> None:
    jars = server.pinned()
    megabytes = sum(jar.size for jar in jars) / 1e6
    doing = f"fetching {server.title} ({megabytes:.0f} MB, once)"
    progress(Event(server.part, "fetching", doing))
    repository = folder / "repository"
    repository.mkdir(parents=True)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for count, (jar, path) in enumerate(zip(jars, _download(jars, repository, pool), strict=True), start=1):
                _verify(jar, path)
                path.rename(folder / jar.file)
                progress(Event(server.part, "fetching", f"{doing}: {count} of {len(jars)} files"))
    except FetchError:
        raise
    except Exception as error:  # jgo lets errors of requests and of the disk through
        raise FetchError(
            f"Cannot download {server.title}: {len(jars)} files ({megabytes:.0f} MB) from Maven Central.\n"
            f"Cause: {_root_cause(error)}.\n"
            "Check the network and try again. HTTPS_PROXY is respected; a mirror can be set under [repositories] in jgo's "
            f"~/.config/jgo.conf. On a machine without a network, copy the folder {target} from one where a shop has run."
        ) from error
    shutil.rmtree(repository, ignore_errors=True)


def _download(jars: list[Jar], repository: Path, pool: ThreadPoolExecutor) -> Iterator[Path]:
    from jgo import config, constants, maven  # noqa: PLC0415 - takes 0.5 s, which only the first start needs

    # Not ~/.m2: jgo and Maven would trust a truncated file there forever.
    remotes = {**config.GlobalSettings.load().repositories, "central": constants.MAVEN_CENTRAL_URL}
    context: Any = maven.MavenContext(repo_cache=repository, remote_repos=remotes)

    def get(jar: Jar) -> Path:
        component = context.project(jar.group, jar.artifact).at_version(jar.version)
        return Path(component.artifact(packaging=jar.kind).resolve())

    return pool.map(get, jars)


def _verify(jar: Jar, path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise FetchError(
            f"{jar.file} does not match its pinned checksum: expected SHA-256 {jar.sha256}, got {found} "
            f"({path.stat().st_size} bytes instead of {jar.size}). Something between this machine and Maven Central "
            "changes downloads. Use another network or mirror."
        )


def _root_cause(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return f"{type(error).__name__}: {error}"
