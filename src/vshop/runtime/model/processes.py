"""Starts, finds, measures and terminates processes of this machine."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from vshop.kit.telemetry.modes import without_agents
from vshop.runtime.model import folders

RUN_VARIABLE = "VSHOP_RUN"
"""Holds the run's id in every process of a run, so that orphans can be found."""

_POLL_S = 0.05
_SAME_S = 2.0  # Linux rounds the time of the boot to seconds


class Identity(NamedTuple):
    """Identifies a process even if its pid is reused."""

    pid: int
    created: float
    """Seconds from the boot to its creation; on macOS, seconds since the epoch."""


def build_for_helpers(environ: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of the runtime's background programs, which belong to no run."""
    return {key: value for key, value in environ.items() if key != RUN_VARIABLE} | {"PYTHONPATH": python_path(environ)}


def python_path(environ: Mapping[str, str]) -> str:
    """Return a ``PYTHONPATH`` that finds the services and ``vshop``."""
    source = Path(__file__).resolve().parents[3]
    # Only for a checkout that is not installed: site-packages is on the path already, and must not come first.
    own = [str(source)] if source.name == "src" else []
    return os.pathsep.join(filter(None, [str(folders.services()), *own, without_agents(environ.get("PYTHONPATH", ""))]))


def spawn(command: list[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process in a new session, with its output appended to a file: an unread pipe would block it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            env=env,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def capture(*command: str, timeout_s: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program, and return its output and exit status."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def identify(pid: int) -> Identity:
    """Return the identity of a child process."""
    try:
        return Identity(pid, _created(psutil.Process(pid)))
    except psutil.Error:
        return Identity(pid, -1.0)  # it has exited


def _created(process: psutil.Process) -> float:
    """Linux derives the time since the epoch from the clock each time; macOS keeps it with the process."""
    boot = psutil.boot_time() if psutil.LINUX else 0.0
    return process.create_time() - boot


def find(identity: Identity) -> psutil.Process | None:
    """Return a live process, or None if it has exited."""
    try:
        process = psutil.Process(identity.pid)
        same = abs(_created(process) - identity.created) < _SAME_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def terminate(identities: Iterable[Identity], grace_s: float) -> list[Identity]:
    """Terminate process groups, given their leaders, and return those that were killed after ``grace_s`` seconds."""
    living = {identity: process for identity in identities if (process := find(identity))}
    for identity in living:
        _signal_group(identity.pid, signal.SIGTERM)
    stubborn = _wait(list(living.values()), grace_s)
    for identity in living:
        # An exited leader may have left children.
        _signal_group(identity.pid, signal.SIGKILL)
    _wait(stubborn, 5.0)
    pids = {process.pid for process in stubborn}
    return [identity for identity in living if identity.pid in pids]


def _wait(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Zombies count as exited, unlike in psutil."""
    deadline = time.monotonic() + timeout_s
    while (processes := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
        psutil.wait_procs(processes, timeout=_POLL_S)
    return processes


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def find_runs() -> dict[str, list[psutil.Process]]:
    """Return the processes of all runs on this machine, by run."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            run = process.environ().get(RUN_VARIABLE)
            if run and process.status() != psutil.STATUS_ZOMBIE:
                found.setdefault(run, []).append(process)
    return found


def kill_run(run: str) -> int:
    """Kill a run's processes except this one, and return their number."""
    left = [process for process in find_runs().get(run, []) if process.pid != os.getpid()]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)
    return len(left)


def resident_bytes(identity: Identity) -> int:
    """Return the resident memory of a process and its descendants. Shared pages count in each."""
    process = find(identity)
    total = 0
    if process:
        with contextlib.suppress(psutil.Error):
            for one in [process, *process.children(recursive=True)]:
                total += one.memory_info().rss
    return total


def tail(log: Path, lines: int = 20) -> str:
    """Return the end of a log file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
