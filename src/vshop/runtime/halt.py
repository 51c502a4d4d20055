"""Stops parts: services first, then what they need, and says which would not go."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from vshop.runtime import processes
from vshop.runtime.parts import PARTS
from vshop.runtime.processes import Identity
from vshop.runtime.progress import Event, Progress

_GRACE_S = 10.0


class Stopped(NamedTuple):
    """How a stop went."""

    killed: tuple[str, ...]
    """Parts that did not end when asked to."""
    swept: int
    """Processes of the run that belonged to no part and were killed."""
    seconds: float


def halt(
    identities: Mapping[str, Identity],
    progress: Progress,
    *,
    run: str | None = None,
    grace_s: float = _GRACE_S,
) -> Stopped:
    """End processes.

    Args:
        identities: processes by part.
        progress: told of every step.
        run: also end whatever else carries this run's mark.
        grace_s: seconds that services, and then backends, get to end.
    """
    began = time.monotonic()
    killed: list[str] = []
    for kind in ("service", "backend"):
        going = {part.name: identities[part.name] for part in PARTS if part.kind == kind and part.name in identities}
        killed += _end(going, progress, grace_s)
    swept = processes.sweep(run) if run else 0
    if swept:
        progress(Event("shop", "killed", f"{swept} more processes of this run"))
    return Stopped(tuple(killed), swept, time.monotonic() - began)


def _end(going: Mapping[str, Identity], progress: Progress, grace_s: float) -> list[str]:
    for name in going:
        progress(Event(name, "stopping"))
    stubborn = processes.end(going.values(), grace_s)
    for name, identity in going.items():
        was_killed = identity in stubborn
        progress(Event(name, "killed" if was_killed else "stopped", f"still there after {grace_s:.0f} s" if was_killed else ""))
    return [name for name, identity in going.items() if identity in stubborn]
