"""Ends a shop's processes when whoever started them dies, be it by kill -9.

A guard is a tiny process that holds one end of a pipe. It is told over the pipe which process groups to watch. When the pipe closes
without the word ``release``, its launcher is dead: the guard kills the groups, and whatever else carries the run's mark.
"""

import contextlib
import os
import signal
import subprocess
import sys
from typing import Self


class Guard:
    """The launcher's end of the pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Keep the guard's process; use ``start`` to make one."""
        self._process = process

    @classmethod
    def start(cls, run: str) -> Self:
        """Start a guard.

        Args:
            run: the run's id; the guard also kills every process marked with it.
        """
        from vshop.runtime.environment import RUN, python_path  # noqa: PLC0415 - the guard's own process does without

        env = {key: value for key, value in os.environ.items() if key != RUN} | {"PYTHONPATH": python_path(os.environ)}
        command = [sys.executable, "-P", "-m", "vshop.runtime.guard", run]
        # A session of its own, so that neither Ctrl-C nor a kill of the launcher's group reaches it.
        return cls(subprocess.Popen(command, env=env, stdin=subprocess.PIPE, start_new_session=True))

    def watch(self, group: int) -> None:
        """Have a process group killed if the launcher dies.

        Args:
            group: its id.
        """
        self._tell(f"watch {group}")

    def release(self) -> None:
        """Send the guard away; the processes may now outlive the launcher."""
        self._tell("release")
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin and not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()


def main() -> int:
    """Be the guard: ``python -m vshop.runtime.guard RUN``."""
    groups: list[int] = []
    for line in sys.stdin:
        word, _, value = line.strip().partition(" ")
        if word == "release":
            return 0
        groups.append(int(value))
    for group in reversed(groups):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    # A child may have been started an instant before its launcher died, too late to be reported.
    from vshop.runtime.processes import sweep  # noqa: PLC0415 - the guard stays tiny while there is nothing to do

    sweep(sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
