"""Keeps ports of this machine forwarded into the cluster until it is told to end: ``python -m vshop.runtime.cluster.forwarder``.

``kubectl port-forward`` holds on to one pod. When that pod goes, it notices at the next connection, which is lost, and ends; so
each forward is tried before a person does, and begun again with a pod that lives.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time

from vshop.runtime.cluster.kubectl import Kubectl

_TRY_EVERY_S = 2.0
_ANSWER_S = 0.3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_GIVE_UP_S = 600.0


class Forward:
    """One port, from a thread of its own."""

    def __init__(self, kubectl: Kubectl, service: str, target: int, port: int, stop: threading.Event) -> None:
        """Prepare; nothing is forwarded yet.

        Args:
            kubectl: the cluster.
            service: name of the Service.
            target: its port.
            port: the port on this machine.
            stop: ends it when set.
        """
        self._command = kubectl.command("port-forward", "--address=127.0.0.1", f"service/{service}", f"{port}:{target}")
        self._port = port
        self._stop = stop
        self.good_at = time.monotonic()
        """When it was last seen to work, on the monotonic clock."""

    def run(self) -> None:
        """Forward, again and again, until ``stop`` is set."""
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
            began = self.good_at
            self._watch(process)
            process.terminate()
            process.wait()
            pause = _FIRST_PAUSE_S if self.good_at > began else min(2 * pause, _LONGEST_PAUSE_S)
            self._stop.wait(pause)

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Return when it has ended, or does not reach its pod any more."""
        listening = False
        while process.poll() is None and not self._stop.wait(_TRY_EVERY_S if listening else _ANSWER_S):
            with contextlib.suppress(OSError):
                reached = self._reaches()
                listening = True
                if not reached:
                    return
                self.good_at = time.monotonic()

    def _reaches(self) -> bool:
        """Tell whether a connection stays open: kubectl takes each one, and closes it when there is no pod behind it.

        Raises:
            OSError: kubectl does not listen (yet).
        """
        with socket.create_connection(("127.0.0.1", self._port), timeout=1) as connection:
            connection.settimeout(_ANSWER_S)
            try:
                return connection.recv(1) != b""
            except TimeoutError:
                return True


def main(context: str, *forwards: str) -> None:
    """Forward until SIGTERM, or until nothing has worked for ten minutes.

    Args:
        context: the cluster's, in the kubeconfig.
        forwards: each ``SERVICE:TARGET:PORT``.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    kept = []
    for text in forwards:
        service, target, port = text.split(":")
        kept.append(Forward(Kubectl(context), service, int(target), int(port), stop))
    threads = [threading.Thread(target=one.run) for one in kept]
    for thread in threads:
        thread.start()
    while not stop.wait(5) and time.monotonic() - max(one.good_at for one in kept) < _GIVE_UP_S:
        pass
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
