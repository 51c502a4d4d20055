"""Makes the cache of Kafka's classes: ``python -m vshop.runtime.aot_maker``.

It runs Kafka and the stock-updater on their own ports and data, at the lowest priority, until the consumer group stands, so that
the cache holds what a start of the shop needs. Killed half-way it leaves nothing behind that would be used.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

from vshop.runtime import ports, processes
from vshop.runtime.aot import cache_file
from vshop.runtime.errors import PartFailedError, RuntimeProblem
from vshop.runtime.folders import Home
from vshop.runtime.launch import Launch, attempt
from vshop.runtime.locks import LockedError, locked
from vshop.runtime.options import Options
from vshop.runtime.parts import chosen
from vshop.runtime.progress import silent

_READY_S, _WRITE_S, _GRACE_S = 120.0, 180.0, 10.0
_KEPT = 2  # caches of this many installations; each is 68 MB


def make() -> Path:
    """Make the cache now; returns its file.

    Raises:
        LockedError: another process is making it.
        TimeoutError: Kafka did not get ready, or did not write the cache.
    """
    file = cache_file()
    with locked(file.with_suffix(".lock"), 0):
        if not file.exists():
            work = file.with_suffix(".partial")
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                _record(work, file)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        _prune(file)
    return file


def _record(work: Path, file: Path) -> None:
    # Its telemetry must not reach a shop on the default ports.
    quiet = {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    options = Options(home=str(work), free_ports=True, parts=("kafka", "dynamodb", "stock-updater"), env=quiet, timeout_s=_READY_S)
    numbers = ports.assign(options, chosen(options.parts), {}) | {"controller": ports.free(1)[0]}
    launch = Launch(options, Home(work), numbers, uuid.uuid4().hex, silent, (f"-XX:AOTCacheOutput={work / 'cache'}",))
    with attempt(launch) as (launcher, guard):
        launcher.start(chosen(["kafka"]), keep=False)
        # A cache made without them is less good, but good.
        with contextlib.suppress(PartFailedError):
            launcher.start(chosen(["dynamodb", "stock-updater"]), keep=False)
        broker = launcher.children.pop("kafka")
        processes.end([child.identity for child in launcher.children.values()], _GRACE_S)
        for child in launcher.children.values():
            child.process.wait()
        launcher.children["kafka"] = broker
        broker.process.terminate()
        broker.process.wait(_WRITE_S)
        (work / "cache").replace(file)
        guard.release()


def _prune(newest: Path) -> None:
    others = sorted(newest.parent.glob("kafka-*.aot"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in [path for path in others if path != newest][_KEPT - 1 :]:
        old.unlink(missing_ok=True)


def main() -> int:
    """Make the cache at the lowest priority; returns the exit code."""
    os.nice(19)
    try:
        make()
    except LockedError:
        return 0
    except (OSError, subprocess.TimeoutExpired, RuntimeProblem) as error:
        # Not tried again at every start: it would cost 10 CPU seconds each time.
        with contextlib.suppress(OSError):
            cache_file().with_suffix(".failed").write_text(
                f"{type(error).__name__}: {error}\nRemove this file to have it tried again.\n"
            )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
