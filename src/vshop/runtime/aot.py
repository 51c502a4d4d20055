"""Makes, once, the cache that lets Kafka start in half the time: ``python -m vshop.runtime.aot``.

The JVM writes such a cache when a run ends (https://openjdk.org/jeps/514); it fits only the same JVM, flags and jars, at the same
paths. So it is made on the user's machine: by a run of its own, on its own ports and data, at the lowest priority, after a shop has
become ready. Killed half-way it leaves nothing behind that would be used.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from vshop.runtime import folders, kafka, kafka_jars, parts, ports
from vshop.runtime.environment import RUN
from vshop.runtime.guard import Guard
from vshop.runtime.locks import LockedError, locked
from vshop.runtime.probes import probe
from vshop.runtime.processes import end, identify, spawn
from vshop.runtime.progress import silent

_READY_S, _WRITE_S = 120.0, 180.0
_KEPT = 2  # caches of this many installations; each is 68 MB


def cache_file() -> Path:
    """Say where the cache for these jars, this JVM and these flags lies, made or not."""
    modules = kafka.java().parents[1] / "lib" / "modules"
    seen = modules.stat()
    key = f"{kafka_jars.folder()}|{modules}|{seen.st_size}|{seen.st_mtime_ns}|{kafka.JVM_FLAGS}"
    return folders.cache() / f"kafka-{hashlib.sha256(key.encode()).hexdigest()[:16]}.aot"


def flags() -> list[str]:
    """Say which JVM flags use the cache; none while there is no cache."""
    file = cache_file()
    return [f"-XX:AOTCache={file}"] if file.exists() else []


def make_in_background(env: Mapping[str, str]) -> bool:
    """Start making the cache, unless it is there, could not be made before, or is not wanted (``VSHOP_AOT=0``).

    Args:
        env: the environment of the shop's processes.

    Returns:
        Whether it was started.
    """
    file = cache_file()
    if env.get("VSHOP_AOT") == "0" or file.exists() or file.with_suffix(".failed").exists():
        return False
    # Started through a shell-like middleman, so that it is nobody's child: the launcher need not wait for it.
    program = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]], start_new_session=True)"
    middleman = [sys.executable, "-P", "-c", program, "-P", "-m", "vshop.runtime.aot"]
    null = subprocess.DEVNULL
    unmarked = {key: value for key, value in env.items() if key != RUN}
    subprocess.run(middleman, env=unmarked, stdin=null, stdout=null, stderr=null, check=False)
    return True


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
    port, controller = ports.free(2)
    properties = kafka.prepare(work / "kafka", port, controller, keep=False)
    command = kafka.command(properties, kafka_jars.ensure(silent), [f"-XX:AOTCacheOutput={work / 'cache'}"])
    run = uuid.uuid4().hex
    guard = Guard.start(run)
    process = spawn(command, kafka.environment(os.environ) | {RUN: run}, work / "kafka.log")
    guard.watch(process.pid)
    try:
        deadline = time.monotonic() + _READY_S
        while not probe(parts.PARTS[0], {"kafka": port}).ready:
            if process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError((work / "kafka.log").read_text(errors="replace")[-2000:])
            time.sleep(0.2)
        process.terminate()
        process.wait(_WRITE_S)
        (work / "cache").replace(file)
    finally:
        end([identify(process.pid)], 0)
        process.wait()
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
    except (OSError, subprocess.TimeoutExpired) as error:
        # Not tried again at every start: it would cost 10 CPU seconds each time.
        with contextlib.suppress(OSError):
            cache_file().with_suffix(".failed").write_text(
                f"{type(error).__name__}: {error}\nRemove this file to have it tried again.\n"
            )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
