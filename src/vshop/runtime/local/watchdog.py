"""Kills a shop's processes when their launcher dies, even by kill -9.

The launcher sends the process groups over a pipe. If it closes before the line ``release``, the launcher is dead, and the
watchdog kills the groups and all other processes of the run.
"""

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import cast


class Watchdog:
    """The launcher's end of the pipe."""

    def __init__(self, run: str, env: Mapping[str, str]) -> None:
        """Start a watchdog for a run."""
        command = [sys.executable, "-P", "-m", "vshop.runtime.local.watchdog", run]
        # In a new session, Ctrl-C and kills of the launcher's group miss it.
        self._process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, bufsize=0, start_new_session=True)
        self._pipe = cast("io.FileIO", self._process.stdin)
        # A forked child that outlives the launcher would keep the pipe open.
        os.register_at_fork(after_in_child=self._pipe.close)

    def watch(self, group: int) -> None:
        """Add a process group to kill if the launcher dies."""
        self._send(f"watch {group}")

    def release(self) -> None:
        """Let the processes outlive the launcher."""
        self._send("release")
        self._pipe.close()
        self._process.wait()

    def _send(self, line: str) -> None:
        if not self._pipe.closed:
            with contextlib.suppress(BrokenPipeError):
                self._pipe.write(f"{line}\n".encode())


def main() -> int:
    """Run the watchdog: ``python -m vshop.runtime.local.watchdog RUN``."""
    groups: list[int] = []
    for line in sys.stdin:
        word, _, value = line.strip().partition(" ")
        if word == "release":
            return 0
        groups.append(int(value))
    for group in reversed(groups):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    # The launcher may have died before it reported a child.
    from vshop.runtime.model.processes import kill_run  # noqa: PLC0415 - the watchdog stays small while it waits

    kill_run(sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
