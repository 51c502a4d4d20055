"""How a shop is doing, as plain data."""

from typing import TypedDict

from vshop.runtime import folders
from vshop.runtime.parts import Part, chosen
from vshop.runtime.probes import probe
from vshop.runtime.processes import find, resident_bytes
from vshop.runtime.state import State


class PartStatus(TypedDict):
    """One part."""

    pid: int
    alive: bool
    ready: bool
    seen: str
    """What the readiness check saw; the failing checks where it is not ready."""
    ports: dict[str, int]
    url: str
    rss_bytes: int
    log: str


class ShopStatus(TypedDict):
    """The whole shop."""

    run: str
    started: str
    home: str
    ready: bool
    rss_bytes: int
    versions: dict[str, str]
    parts: dict[str, PartStatus]


def look(state: State) -> ShopStatus:
    """Look at every part of a shop.

    Args:
        state: the shop.
    """
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a start that only attaches needs none

    listed = chosen(state.processes)
    with ThreadPoolExecutor(len(listed) or 1) as pool:
        parts = {part.name: one for part, one in zip(listed, pool.map(lambda part: _look(state, part), listed), strict=True)}
    return ShopStatus(
        run=state.run,
        started=state.started,
        home=state.home,
        ready=all(one["ready"] for one in parts.values()),
        rss_bytes=sum(one["rss_bytes"] for one in parts.values()),
        versions=state.versions,
        parts=parts,
    )


def _look(state: State, part: Part) -> PartStatus:
    identity = state.processes[part.name]
    alive = find(identity) is not None
    ready, seen = probe(part, state.ports) if alive else (False, "its process has ended")
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
