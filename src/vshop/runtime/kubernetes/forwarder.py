"""Forwards ports of this machine into the cluster until SIGTERM: ``python -m vshop.runtime.kubernetes.forwarder``.

``kubectl port-forward`` is bound to one pod, and exits at the first connection after the pod is gone. So each forward is checked
every two seconds, and restarted.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time

from vshop.runtime.kubernetes.kubectl import Kubectl

_CHECK_EVERY_S = 2.0
_ANSWER_S = 0.3
_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.2, 5.0
_GIVE_UP_S = 600.0


class Forward:
    """Keeps one port forwarded, in its own thread."""

    def __init__(self, kubectl: Kubectl, service: str, target: int, port: int, stop: threading.Event) -> None:
        self._command = kubectl.command("port-forward", "--address=127.0.0.1", f"service/{service}", f"{port}:{target}")
        self._port = port
        self._stop = stop
        self.worked_at = time.monotonic()
        """Monotonic time of the last successful check."""

    def run(self) -> None:
        """Forward until ``stop`` is set."""
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
            before = self.worked_at
            self._watch(process)
            process.terminate()
            process.wait()
            pause = _FIRST_PAUSE_S if self.worked_at > before else min(2 * pause, _MAX_PAUSE_S)
            self._stop.wait(pause)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        listening = False
        while process.poll() is None and not self._stop.wait(_CHECK_EVERY_S if listening else _ANSWER_S):
            with contextlib.suppress(OSError):
                reached = self._reaches()
                listening = True
                if not reached:
                    return
                self.worked_at = time.monotonic()

    def _reaches(self) -> bool:
        """Return whether a connection stays open: kubectl closes those for which it has no pod."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
            connection.settimeout(_ANSWER_S)
            try:
                return connection.recv(1) != b""
            except TimeoutError:
                return True


def main(context: str, *forwards: str) -> None:
    """Forward ports, each ``SERVICE:TARGET:PORT``, until SIGTERM, or until none has worked for ten minutes."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    running = []
    for text in forwards:
        service, target, port = text.split(":")
        running.append(Forward(Kubectl(context), service, int(target), int(port), stop))
    threads = [threading.Thread(target=one.run) for one in running]
    for thread in threads:
        thread.start()
    while not stop.wait(5) and time.monotonic() - max(one.worked_at for one in running) < _GIVE_UP_S:
        pass
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
