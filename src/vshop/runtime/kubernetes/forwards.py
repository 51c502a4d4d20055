"""Forwards ports of this machine into the cluster, by a process that outlives the command.

The process is ``python -m vshop.runtime.kubernetes.forwards CONTEXT SERVICE:TARGET:PORT…``. ``kubectl port-forward`` is bound to
one pod, and exits at the first connection after the pod is gone. So each forward is checked every two seconds, and restarted.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from vshop.kit.http.server import stop_event
from vshop.kit.times import Clock
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.model import folders, ports, processes
from vshop.runtime.model.errors import ClusterError, unknown_name
from vshop.runtime.model.parts import PUBLISHED
from vshop.runtime.model.probes import probe_urls
from vshop.runtime.model.processes import Identity

_CHECK_EVERY_S = 2.0
_ANSWER_S = 0.3
_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.2, 5.0
_GIVE_UP_S = 600.0


class Forwards(msgspec.Struct, frozen=True):
    """The forwarded ports of a shop in a cluster."""

    context: str
    """``vshop down`` uses it even if another context is current."""
    overlay: str
    addresses: dict[str, str]
    process: Identity


def folder(home: str | None = None) -> Path:
    """Return the folder for the cluster's files, in the home folder."""
    return folders.home(home).path / "k8s"


def running(home: str | None = None) -> Forwards | None:
    """Return the live forwards, or None."""
    found = read(home)
    return found if found and processes.find(found.process) else None


def read(home: str | None = None) -> Forwards | None:
    """Return the last forwards, even if their forwarder has died."""
    try:
        return msgspec.json.decode((folder(home) / "forwards.json").read_bytes(), type=Forwards)
    except (OSError, msgspec.DecodeError):
        return None


def choose(named: dict[str, int], *, free_ports: bool) -> dict[str, int]:
    """Return the ports to use here, by name. Raises UnknownNameError or PortInUseError."""
    for name in named:
        if name not in PUBLISHED:
            raise unknown_name(name, PUBLISHED, "forwarded port")
    rest = [name for name in PUBLISHED if name not in named]
    chosen = dict(zip(rest, ports.free(len(rest)), strict=True)) if free_ports else {name: PUBLISHED[name][1] for name in rest}
    chosen |= named
    wanted = {name: (PUBLISHED[name][0], number) for name, number in chosen.items()}
    ports.check(wanted, "No port was forwarded", "vshop up --mode k8s")
    return chosen


def start(kubectl: Kubectl, overlay: str, chosen: dict[str, int], home: str | None = None, timeout_s: float = 30.0) -> Forwards:
    """Start a forwarder that outlives this process, and wait until every part answers, or stop it and raise ClusterError."""
    log = folder(home) / "port-forward.log"
    log.unlink(missing_ok=True)
    wanted = [f"{service}:{target}:{chosen[name]}" for name, (service, target) in PUBLISHED.items()]
    env = processes.build_for_helpers(os.environ)
    if os.environ.get("KUBECONFIG"):  # the forwarder has another working directory
        env["KUBECONFIG"] = os.pathsep.join(str(Path(one).absolute()) for one in os.environ["KUBECONFIG"].split(os.pathsep) if one)
    command = [sys.executable, "-P", "-m", "vshop.runtime.kubernetes.forwards", kubectl.context, *wanted]
    process = processes.spawn(command, env, log)
    addresses = {name: f"http://127.0.0.1:{chosen[name]}" for name in PUBLISHED}
    forwards = Forwards(kubectl.context, overlay, addresses, processes.identify(process.pid))
    (folder(home) / "forwards.json").write_bytes(msgspec.json.format(msgspec.json.encode(forwards), indent=2))
    Clock().poll(lambda: not _not_ready(addresses) or process.poll() is not None, timeout_s)
    process.returncode = 0  # Popen warns about a child that outlives it
    if not_ready := _not_ready(addresses):
        stop(home)
        raise ClusterError(f"Not ready through port-forward: {'; '.join(not_ready)}. The end of {log}:\n{processes.tail(log)}")
    return forwards


def _not_ready(addresses: dict[str, str]) -> list[str]:
    return [f"{name}: {part['seen']}" for name, part in probe_urls(addresses).items() if not part["ready"]]


def stop(home: str | None = None) -> bool:
    """Stop the forwarder, and return whether one was running."""
    found = running(home)
    if found:
        processes.terminate([found.process], 5.0)
    return found is not None


def forget(home: str | None = None) -> None:
    """Remove the record, so that the next command uses the current context."""
    (folder(home) / "forwards.json").unlink(missing_ok=True)


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
    stop = stop_event()
    parsed = [text.split(":") for text in forwards]
    running = [Forward(Kubectl(context), service, int(target), int(port), stop) for service, target, port in parsed]
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
