"""Starting, recognising, measuring and ending processes."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from vshop.runtime.environment import RUN

_LOOK_EVERY_S = 0.05
_SAME_S = 2.0  # a process's creation time moves a little when the clock is corrected


class Identity(NamedTuple):
    """A process that cannot be mistaken for a later one of the same number."""

    pid: int
    created: float
    """Seconds since the epoch."""


def spawn(command: list[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output appended to a file.

    Args:
        command: program and arguments.
        env: its whole environment.
        log: file for both output streams; never a pipe, which blocks its writer when nobody reads.
    """
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


def identify(pid: int) -> Identity:
    """Take down a process's identity.

    Args:
        pid: its number; a child of ours, so it is there even when it has ended already.
    """
    try:
        return Identity(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return Identity(pid, time.time())


def find(identity: Identity) -> psutil.Process | None:
    """Find a process that is still alive.

    Args:
        identity: which.

    Returns:
        The process; None when it has ended, or when another one has its number now.
    """
    try:
        process = psutil.Process(identity.pid)
        same = abs(process.create_time() - identity.created) < _SAME_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def end(identities: Iterable[Identity], grace_s: float) -> list[Identity]:
    """End processes and their groups: SIGTERM to all at once, SIGKILL to those that stay.

    Args:
        identities: leaders of their process groups.
        grace_s: seconds that all together get.

    Returns:
        Those that had to be killed.
    """
    living = {identity: process for identity in identities if (process := find(identity))}
    for identity in living:
        _signal_group(identity.pid, signal.SIGTERM)
    stubborn = _wait(list(living.values()), grace_s)
    for identity in living:
        # To every group, for its leader may have left somebody behind.
        _signal_group(identity.pid, signal.SIGKILL)
    _wait(stubborn, 5.0)
    pids = {process.pid for process in stubborn}
    return [identity for identity in living if identity.pid in pids]


def _wait(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait until processes have ended; returns those that have not.

    One that its parent, another program, has not buried yet has ended too: psutil by itself would go on waiting for it.
    """
    deadline = time.monotonic() + timeout_s
    while (processes := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
        psutil.wait_procs(processes, timeout=_LOOK_EVERY_S)
    return processes


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def marked(run: str) -> list[psutil.Process]:
    """Find every process that carries a run's mark.

    Args:
        run: the run's id.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(RUN) == run and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def sweep(run: str) -> int:
    """Kill every process that carries a run's mark.

    Args:
        run: the run's id.

    Returns:
        How many there were.
    """
    left = [process for process in marked(run) if process.pid != os.getpid()]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)
    return len(left)


def resident_bytes(identity: Identity) -> int:
    """Measure the resident memory of a process and its descendants; pages they share count once each.

    Args:
        identity: the process; 0 when it has ended.
    """
    process = find(identity)
    total = 0
    if process:
        with contextlib.suppress(psutil.Error):
            for one in [process, *process.children(recursive=True)]:
                total += one.memory_info().rss
    return total


def tail(log: Path, lines: int = 20) -> str:
    """Read the end of a log.

    Args:
        log: the file; may be missing.
        lines: how many lines at most.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
