"""The state file, by which any process can control a running shop."""

import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict

import msgspec

import vshop
from vshop.runtime.backends.jars import KAFKA
from vshop.runtime.model import folders
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import Part, select
from vshop.runtime.model.probes import probe
from vshop.runtime.model.processes import Identity, find, resident_bytes


class ShopState(msgspec.Struct, kw_only=True):
    """A running shop, or one whose processes have died."""

    run: str
    started: str
    """ISO 8601, UTC."""
    home: str
    ports: dict[str, int]
    """Including Kafka's ``controller``."""
    versions: dict[str, str]
    options: Options
    processes: dict[str, Identity]

    def living(self) -> list[str]:
        """Return the parts whose process is alive."""
        return [name for name, identity in self.processes.items() if find(identity)]


def write(file: Path, state: ShopState) -> None:
    """Replace the state file atomically."""
    part = file.with_suffix(".partial")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=2))
    part.replace(file)


def read(file: Path) -> ShopState | None:
    """Return the state, or None if the file is missing or of another version."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=ShopState)
    except (OSError, msgspec.DecodeError):
        return None


def versions() -> dict[str, str]:
    """Return the versions of vshop, Python and Kafka."""
    kafka = next(jar.version for jar in KAFKA.pinned() if jar.artifact == "kafka-clients")
    return {"vshop": vshop.__version__, "python": platform.python_version(), "kafka": kafka}


class PartStatus(TypedDict):
    """Status of one part."""

    pid: int
    alive: bool
    ready: bool
    seen: str
    ports: dict[str, int]
    url: str
    rss_bytes: int
    log: str


class ShopStatus(TypedDict):
    """Status of the whole shop."""

    run: str
    started: str
    home: str
    ready: bool
    rss_bytes: int
    versions: dict[str, str]
    parts: dict[str, PartStatus]


def read_status(state: ShopState) -> ShopStatus:
    """Check every part of a shop."""
    listed = select(state.processes)
    with ThreadPoolExecutor(len(listed) or 1) as pool:
        parts = {part.name: one for part, one in zip(listed, pool.map(lambda part: _read_part(state, part), listed), strict=True)}
    return ShopStatus(
        run=state.run,
        started=state.started,
        home=state.home,
        ready=all(one["ready"] for one in parts.values()),
        rss_bytes=sum(one["rss_bytes"] for one in parts.values()),
        versions=state.versions,
        parts=parts,
    )


def _read_part(state: ShopState, part: Part) -> PartStatus:
    identity = state.processes[part.name]
    alive = find(identity) is not None
    ready, seen = probe(part, state.ports) if alive else (False, "its process has exited")
    return PartStatus(
        pid=identity.pid,
        alive=alive,
        ready=ready,
        seen=seen,
        ports={name: state.ports[name] for name in part.ports},
        url=part.url.format(**state.ports),
        rss_bytes=resident_bytes(identity),
        log=str(folders.home(state.home).log(part.name)),
    )
