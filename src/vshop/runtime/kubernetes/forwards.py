"""The process that forwards ports to a cluster."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.local import environment, ports, processes
from vshop.runtime.local.probes import probe_urls
from vshop.runtime.local.processes import Identity
from vshop.runtime.model import folders
from vshop.runtime.model.errors import ClusterError, PortInUseError, unknown_name
from vshop.runtime.model.parts import PUBLISHED
from vshop.runtime.model.polling import poll

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Forwarders that this process started and has to reap, by pid."""


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
    taken = [f"  {number} ({name}) is held by {ports.holder(number)}" for name, number in chosen.items() if ports.in_use(number)]
    if taken:
        raise PortInUseError(
            "No port was forwarded, because these are in use:\n" + "\n".join(taken) + "\nStop these processes, choose other ports "
            "(`--port orders=18080`), or use free ports for all (`--free-ports`)."
        )
    return chosen


def start(kubectl: Kubectl, overlay: str, chosen: dict[str, int], home: str | None = None, timeout_s: float = 30.0) -> Forwards:
    """Start a forwarder that outlives this process, and wait until every part answers, or stop it and raise ClusterError."""
    log = folder(home) / "port-forward.log"
    log.unlink(missing_ok=True)
    wanted = [f"{service}:{target}:{chosen[name]}" for name, (service, target) in PUBLISHED.items()]
    env = environment.build_for_helpers(os.environ)
    if os.environ.get("KUBECONFIG"):  # the forwarder has another working directory
        env["KUBECONFIG"] = os.pathsep.join(str(Path(one).absolute()) for one in os.environ["KUBECONFIG"].split(os.pathsep) if one)
    command = [sys.executable, "-P", "-m", "vshop.runtime.kubernetes.forwarder", kubectl.context, *wanted]
    process = processes.spawn(command, env, log)
    _children[process.pid] = process
    addresses = {name: f"http://127.0.0.1:{chosen[name]}" for name in PUBLISHED}
    forwards = Forwards(kubectl.context, overlay, addresses, processes.identify(process.pid))
    (folder(home) / "forwards.json").write_bytes(msgspec.json.format(msgspec.json.encode(forwards), indent=2))
    poll(lambda: not _not_ready(addresses) or process.poll() is not None, timeout_s)
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
        if found.process.pid in _children:
            _children.pop(found.process.pid).wait()
    return found is not None


def forget(home: str | None = None) -> None:
    """Remove the record, so that the next command uses the current context."""
    (folder(home) / "forwards.json").unlink(missing_ok=True)
