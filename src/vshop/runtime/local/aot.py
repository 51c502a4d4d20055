"""The cache that halves Kafka's start, and its build (``python -m vshop.runtime.local.aot``).

The JVM writes it when it exits (https://openjdk.org/jeps/514), valid for one version of the JVM, its flags, and jars at the same
paths. So each machine builds its own, once, in the background, with a run of Kafka and the stock-updater on other ports.
"""

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from vshop.runtime.backends import java_servers
from vshop.runtime.backends.jars import KAFKA
from vshop.runtime.local.launch import Launcher
from vshop.runtime.model import folders, ports, processes
from vshop.runtime.model.errors import PartFailedError, RuntimeProblem
from vshop.runtime.model.folders import Home, LockedError, file_lock
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import select
from vshop.runtime.model.processes import RUN_VARIABLE
from vshop.runtime.model.progress import silent

_READY_S, _WRITE_S, _GRACE_S = 120.0, 180.0, 10.0
_MODULE = "vshop.runtime.local.aot"
_KEPT = 3  # caches, the newest; each takes 68 MB


def cache_file() -> Path:
    """Return the path of the cache for the current jars, JVM and flags. Environments with equal ones share it."""
    runtime = java_servers.java().parents[1]
    library = runtime / "lib" / "server" / ("libjvm.dylib" if sys.platform == "darwin" else "libjvm.so")
    sizes = [(runtime / "lib" / "modules").stat().st_size, library.stat().st_size]
    release = (runtime / "release").read_text(encoding="utf-8")
    key = f"{KAFKA.folder()}|{platform.machine()}|{release}|{sizes}|{java_servers.KAFKA_FLAGS}"
    return folders.cache() / f"kafka-{hashlib.sha256(key.encode()).hexdigest()[:16]}.aot"


def flags() -> tuple[str, ...]:
    """Return the JVM flags that use the cache, if it exists."""
    file = cache_file()
    with contextlib.suppress(OSError):  # it does not exist, or nobody can write there
        os.utime(file)  # the caches that were used last are kept
    # Hides warnings about single adapters. An invalid cache is an error, which stays visible.
    return (f"-XX:AOTCache={file}", "-Xlog:aot*=error") if file.exists() else ()


def make_in_background(env: Mapping[str, str]) -> bool:
    """Start a build, and return True, unless the cache exists, failed before, or is turned off (``VSHOP_AOT=0``)."""
    file = cache_file()
    if env.get("VSHOP_AOT") == "0" or file.exists() or file.with_suffix(".failed").exists():
        return False
    # An intermediate process starts the build and exits, so that the launcher has no child to reap.
    program = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]], start_new_session=True)"
    command = [sys.executable, "-P", "-c", program, "-P", "-m", _MODULE]
    null = subprocess.DEVNULL
    subprocess.run(command, env={**env, RUN_VARIABLE: build_run()}, stdin=null, stdout=null, stderr=null, check=False)
    return True


def build_run() -> str:
    """Return the run's id that the processes of a build have in ``VSHOP_RUN``."""
    return f"build-{cache_file().stem}"


def stop_build(run: str) -> bool:
    """End a running build, and return True, unless a shop other than ``run`` runs on this machine, which can use the cache."""
    build, running = build_run(), processes.find_runs()
    builders = []
    for process in running.get(build, ()):
        with contextlib.suppress(psutil.Error):
            builders += [process] if _MODULE in process.cmdline() else []
    if not builders or running.keys() - {run, build}:
        return False
    # The builder ends first: if it saw Kafka die, it would record a failed build.
    for process in builders:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(builders, timeout=5)
    processes.kill_run(build)
    shutil.rmtree(_work(), ignore_errors=True)
    return True


def _work() -> Path:
    return cache_file().with_suffix(".partial")


def make() -> Path:
    """Build the cache now, and return its file.

    Raises LockedError if another process builds it, RuntimeProblem if Kafka did not become ready, subprocess.TimeoutExpired if
    Kafka did not write the cache.
    """
    file, work = cache_file(), _work()
    with file_lock(file.with_suffix(".lock"), 0):
        if not file.exists():
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                _record(work, file)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        _prune(file)
    return file


def _record(work: Path, file: Path) -> None:
    # No telemetry to a shop on the default ports.
    no_otel = {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    options = Options(
        home=str(work), free_ports=True, parts=("kafka", "dynamodb", "stock-updater"), env=no_otel, timeout_s=_READY_S
    )
    numbers = ports.assign(options, select(options.parts), {}) | {"controller": ports.free(1)[0]}
    with Launcher(options, Home(work), numbers, build_run(), silent) as launcher:
        launcher.start(select(["kafka"]), keep=False, kafka_flags=[f"-XX:AOTCacheOutput={work / 'cache'}"])
        # Without these parts the cache holds fewer classes, but still helps.
        with contextlib.suppress(PartFailedError):
            launcher.start(select(["dynamodb", "stock-updater"]), keep=False)
        broker = launcher.children.pop("kafka")
        processes.terminate([child.identity for child in launcher.children.values()], _GRACE_S)
        for child in launcher.children.values():
            child.process.wait()
        launcher.children["kafka"] = broker
        broker.process.terminate()
        broker.process.wait(_WRITE_S)
        (work / "cache").replace(file)
        launcher.watchdog.release()


def _prune(newest: Path) -> None:
    others = sorted(newest.parent.glob("kafka-*.aot"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in [path for path in others if path != newest][_KEPT - 1 :]:
        old.unlink(missing_ok=True)


def main() -> int:
    """Build the cache at the lowest priority."""
    os.nice(19)
    try:
        make()
    except LockedError:
        return 0
    except (OSError, subprocess.TimeoutExpired, RuntimeProblem) as error:
        # Prevents an attempt at every start, which takes 10 CPU seconds.
        with contextlib.suppress(OSError):
            cache_file().with_suffix(".failed").write_text(f"{type(error).__name__}: {error}\nRemove this file to try again.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
