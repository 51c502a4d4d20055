"""The state file: what runs, so that another process can look at it, stop it, or mend it."""

from pathlib import Path

import msgspec

from vshop.runtime.options import Options
from vshop.runtime.processes import Identity, find


class State(msgspec.Struct, kw_only=True):
    """A shop that runs, or ran."""

    run: str
    """The run's id; every process of the run carries it in ``VSHOP_RUN``."""
    started: str
    """When, in ISO 8601, UTC."""
    home: str
    ports: dict[str, int]
    """By name, Kafka's own ``controller`` included."""
    versions: dict[str, str]
    options: Options
    processes: dict[str, Identity]
    """By part."""

    def living(self) -> list[str]:
        """Name the parts whose process is alive."""
        return [name for name, identity in self.processes.items() if find(identity)]


def write(file: Path, state: State) -> None:
    """Replace the state file, whole or not at all.

    Args:
        file: where.
        state: what.
    """
    part = file.with_suffix(".partial")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=2))
    part.replace(file)


def read(file: Path) -> State | None:
    """Read a state file.

    Args:
        file: where.

    Returns:
        The state; None when there is no file, or one that another version wrote.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None
