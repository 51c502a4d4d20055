"""What surrounds a start: the home folder to itself, a clean beginning, the versions, the start cache for the next time."""

import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import vshop
from vshop.runtime.errors import HomeBusyError
from vshop.runtime.folders import Home
from vshop.runtime.locks import LockedError, locked
from vshop.runtime.progress import Event, Progress
from vshop.runtime.state import State

_LOCK_S = 120.0


@contextmanager
def held(home: Home) -> Iterator[None]:
    """Have the home folder to oneself inside the block.

    Args:
        home: the folder.

    Raises:
        HomeBusyError: another process is starting or stopping a shop in it.
    """
    lock = locked(home.lock, _LOCK_S)
    try:
        lock.__enter__()
    except LockedError as error:
        raise HomeBusyError(
            f"Another process has been starting or stopping a shop in {home.path} for {_LOCK_S:.0f} s. Wait for it, end it, or use "
            "another folder (VSHOP_HOME)."
        ) from error
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def clean(home: Home, found: State | None, progress: Progress, *, keep: bool) -> None:
    """Remove what the last run left: its logs, its state if it died, its orders and stock unless they are to be kept.

    Args:
        home: the folder.
        found: the last run's state, where it did not end in order.
        progress: told of what is not as one would expect.
        keep: keep orders and stock.
    """
    if found:
        from vshop.runtime.processes import sweep  # noqa: PLC0415 - psutil, only needed after a crash

        swept = sweep(found.run)
        progress(
            Event("shop", "note", f"the last run did not end in order; {swept} of its processes were left and have been killed")
        )
        home.state.unlink(missing_ok=True)
    shutil.rmtree(home.path / "logs", ignore_errors=True)
    if not keep:
        shutil.rmtree(home.kafka, ignore_errors=True)
        shutil.rmtree(home.dynamodb, ignore_errors=True)
        shutil.rmtree(home.jaeger, ignore_errors=True)
        home.stock.unlink(missing_ok=True)
        home.journal.unlink(missing_ok=True)
    elif home.kafka.exists() and not home.stock.exists() and not home.dynamodb.exists():
        progress(
            Event("dynamodb", "note", "the last run ended without saving its stock: Kafka's orders are kept, the stock begins anew")
        )


def versions() -> dict[str, str]:
    """Name the versions that a report should hold."""
    from vshop.runtime.jars import KAFKA  # noqa: PLC0415 - only a start needs it

    kafka = next(jar.version for jar in KAFKA.pinned() if jar.artifact == "kafka-clients")
    return {"vshop": vshop.__version__, "python": platform.python_version(), "kafka": kafka}


def make_start_cache(env: Mapping[str, str], progress: Progress) -> None:
    """See to it that Kafka's start cache gets made, if there is none yet.

    Args:
        env: the environment of the shop's processes.
        progress: told that it is being made.
    """
    from vshop.runtime import aot  # noqa: PLC0415 - only a start needs it

    if aot.make_in_background(env):
        progress(Event("kafka", "note", "making a cache in the background, once (about 20 s): later starts take half the time"))
