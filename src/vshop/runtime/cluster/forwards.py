"""Where a shop in a cluster is reached on this machine: which ports are forwarded, and by which process."""

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from vshop.runtime import environment, folders, ports, processes, reach
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.errors import ClusterError, PortInUseError, name_near
from vshop.runtime.processes import Identity

TARGETS = {
    "orders": ("orders", 8080),
    "auth": ("auth-stub", 8081),
    "stock": ("stock-updater", 8082),
    "console": ("console", 8090),
    "traces": ("jaeger", 16686),
    "observatory": ("observatory", 16687),
}
"""By the names in ``vshop.addresses.Addresses``: the Service, and its port, which is also the port here unless told otherwise."""

_begun: dict[int, subprocess.Popen[bytes]] = {}
"""By number, the processes that this one has started, and so has to bury if it is the one to end them."""


class Forwards(msgspec.Struct, frozen=True):
    """Ports that are forwarded."""

    context: str
    """The cluster's context: where ``vshop down`` looks, whatever the current one is then."""
    overlay: str
    addresses: dict[str, str]
    process: Identity
    """The process that keeps them up."""


def folder(home: str | None = None) -> Path:
    """Return the folder of what concerns the cluster, in the home folder of shops."""
    return folders.home(home).path / "k8s"


def running(home: str | None = None) -> Forwards | None:
    """Find the forwards that are kept up; None when there are none.

    Args:
        home: the home folder; found as the runtime does when not given.
    """
    found = read(home)
    return found if found and processes.find(found.process) else None


def read(home: str | None = None) -> Forwards | None:
    """Read which forwards were begun last, even if nothing keeps them up any more; None when they were forgotten."""
    try:
        return msgspec.json.decode((folder(home) / "forwards.json").read_bytes(), type=Forwards)
    except (OSError, msgspec.DecodeError):
        return None


def choose(named: dict[str, int], *, free_ports: bool) -> dict[str, int]:
    """Choose the ports of this machine.

    Args:
        named: some, by name.
        free_ports: the others are to be free ones.

    Raises:
        UnknownNameError: one was named that is not forwarded.
        PortInUseError: one is taken.
    """
    for name in named:
        if name not in TARGETS:
            raise name_near(name, TARGETS, "port that is forwarded")
    rest = [name for name in TARGETS if name not in named]
    chosen = dict(zip(rest, ports.free(len(rest)), strict=True)) if free_ports else {name: TARGETS[name][1] for name in rest}
    chosen |= named
    taken = [f"  {number} ({name}) is held by {ports.holder(number)}" for name, number in chosen.items() if ports.in_use(number)]
    if taken:
        raise PortInUseError(
            "Nothing was forwarded: these ports are taken.\n" + "\n".join(taken) + "\nStop what holds them, choose others "
            "(`--port orders=18080`), or let free ones be chosen for all (`--free-ports`)."
        )
    return chosen


def start(kubectl: Kubectl, overlay: str, chosen: dict[str, int], home: str | None = None, timeout_s: float = 30.0) -> Forwards:
    """Forward, in a process that outlives this one, and wait until every part answers.

    Args:
        kubectl: the cluster.
        overlay: which manifests it holds.
        chosen: ports of this machine by name.
        home: the home folder.
        timeout_s: how long to wait.

    Raises:
        ClusterError: a part does not answer; nothing is forwarded then.
    """
    log = folder(home) / "port-forward.log"
    log.unlink(missing_ok=True)
    wanted = [f"{service}:{target}:{chosen[name]}" for name, (service, target) in TARGETS.items()]
    env = os.environ | {"PYTHONPATH": environment.python_path(os.environ)}
    if os.environ.get("KUBECONFIG"):  # it may hold relative paths, and that process runs elsewhere
        env["KUBECONFIG"] = os.pathsep.join(str(Path(one).absolute()) for one in os.environ["KUBECONFIG"].split(os.pathsep) if one)
    command = [sys.executable, "-P", "-m", "vshop.runtime.cluster.forwarder", kubectl.context, *wanted]
    process = processes.spawn(command, env, log)
    _begun[process.pid] = process
    addresses = {name: f"http://127.0.0.1:{chosen[name]}" for name in TARGETS}
    forwards = Forwards(kubectl.context, overlay, addresses, processes.identify(process.pid))
    (folder(home) / "forwards.json").write_bytes(msgspec.json.format(msgspec.json.encode(forwards), indent=2))
    deadline = time.monotonic() + timeout_s
    while silent := [f"{name}: {part['seen']}" for name, part in reach.look(addresses).items() if not part["ready"]]:
        if time.monotonic() > deadline or process.poll() is not None:
            stop(home)
            raise ClusterError(f"Not reached through port-forward: {'; '.join(silent)}. The end of {log}:\n{processes.tail(log)}")
        time.sleep(0.2)
    return forwards


def stop(home: str | None = None) -> bool:
    """End what forwards; says whether there was anything."""
    found = running(home)
    if found:
        processes.end([found.process], 5.0)
        if found.process.pid in _begun:
            _begun.pop(found.process.pid).wait()
    return found is not None


def forget(home: str | None = None) -> None:
    """Forget which cluster was forwarded last: nothing of the shop is left there, or another start chooses anew."""
    (folder(home) / "forwards.json").unlink(missing_ok=True)
