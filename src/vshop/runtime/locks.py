"""A lock file between processes, held by a living process only: the kernel drops it when its holder dies."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockedError(Exception):
    """Another process holds the lock and did not let go in time."""


@contextmanager
def locked(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock inside the block.

    Args:
        path: the lock file; made when missing, never removed.
        timeout_s: seconds to wait for another holder; 0 tries once.

    Raises:
        LockedError: another process still holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise LockedError(str(path)) from error
            time.sleep(0.05)
        yield
