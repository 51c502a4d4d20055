"""Assigns ports to parts, and finds the process that holds a port."""

import os
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

import psutil

from vshop.kit.settings import load
from vshop.runtime.model.errors import PortInUseError, unknown_name
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import PARTS, Part
from vshop.runtime.model.processes import RUN_VARIABLE

LOOPBACK = "127.0.0.1"
# Below the range for outgoing connections, which could take a chosen port.
_FIRST, _LAST, _BLOCK = 15000, 32000, 16
_BLOCKS = (_LAST - _FIRST) // _BLOCK
_claims: list[int] = []
"""Sockets that keep other processes away from the blocks that this process has claimed."""


def assign(options: Options, parts: list[Part], environ: Mapping[str, str]) -> dict[str, int]:
    """Return every port by its name: the options', else ``SHOP_*_PORT``, else the default. Raises UnknownNameError."""
    given_by_user = named(options)
    names = [name for part in parts for name in part.ports]
    if options.free_ports:
        missing = [name for name in names if name not in given_by_user]
        ports = dict(zip(missing, free(len(missing)), strict=True))
    else:
        given = {key: value for key, value in environ.items() if key.startswith("SHOP_") and key.endswith("_PORT") and value}
        settings = load(given)
        ports = {
            name: getattr(settings, f"{name}_port") if f"SHOP_{name.upper()}_PORT" in given else default
            for part in parts
            for name, default in part.ports.items()
        }
    return ports | {name: number for name, number in given_by_user.items() if name in names}


def named(options: Options) -> dict[str, int]:
    """Return the explicit ports of the options. Raises UnknownNameError."""
    known = {name: name for part in PARTS for name in part.ports}
    known |= {part.name: next(iter(part.ports)) for part in PARTS if len(part.ports) == 1}
    for given in options.ports.keys() - known:
        raise unknown_name(given, known, "port")
    return {known[given]: number for given, number in options.ports.items()}


def free(count: int) -> list[int]:
    """Return free ports that no other process gets from here while this one lives, or raise PortInUseError.

    Between the choice of a port and its use, another process could choose it too. So they come from a block that belongs to one
    process: it holds the block's first port, which only one process can bind.
    """
    found: list[int] = []
    for step in range(_BLOCKS):
        start = _FIRST + _BLOCK * ((os.getpid() * 7 + len(_claims) + step) % _BLOCKS)
        own = range(start + 1, start + _BLOCK)
        if any(map(in_use, own)) or not _claim(start):
            continue
        found += own
        if len(found) >= count:
            return found[:count]
    raise PortInUseError(f"There are no {count} free ports between {_FIRST} and {_LAST}. Stop shops that are no longer needed.")


def _claim(port: int) -> bool:
    with socket.socket() as claim:
        try:
            claim.bind((LOOPBACK, port))
        except OSError:
            return False
        _claims.append(claim.detach())
        return True


def in_use(port: int) -> bool:
    """Return whether a loopback port is in use."""
    # macOS lets a second socket bind 127.0.0.1 beside 0.0.0.0, and a bound socket may not listen.
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex((LOOPBACK, port)) == 0:
            return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def check(wanted: Mapping[str, tuple[str, int]], failure: str, command: str) -> None:
    """Raise PortInUseError, which names all ports that are in use or assigned twice.

    Args:
        wanted: part and port, by the port's name.
        failure: what has not been done.
        command: the command that takes other ports.
    """
    seen: dict[int, str] = {}
    problems: dict[str, str] = {}
    for name, (part, number) in wanted.items():
        if number in seen:
            problems[name] = f"  {number} ({name}, for {part}) is also assigned to {seen[number]}"
        elif in_use(number):
            problems[name] = f"  {number} ({name}, for {part}) is held by {holder(number)}"
        seen.setdefault(number, part)
    if problems:
        taken = next(iter(problems))
        raise PortInUseError(
            f"{failure}, because these ports are in use:\n" + "\n".join(problems.values()) + "\nStop these processes, choose other "
            f"ports (`{command} --port {taken}={10000 + wanted[taken][1] % 10000}`), or use free ports for all parts "
            f"(`{command} --free-ports`)."
        )


def holder(port: int) -> str:
    """Describe the process that listens on a port."""
    # psutil.net_connections() needs root on macOS.
    for process in psutil.process_iter(["pid", "cmdline", "name"]):
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        if any(c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port for c in connections):
            home = _home(process)
            if home is not None:
                return f"the shop in {home} (`vshop down --home {shlex.quote(str(home))}` stops it)"
            command = " ".join(process.info["cmdline"] or [process.info["name"] or "?"])
            return f"process {process.info['pid']}: {command[:120]}"
    return "a process of another user, or a container"


def _home(process: psutil.Process) -> Path | None:
    try:
        folder = Path(process.cwd()).parent if RUN_VARIABLE in process.environ() else None
    except psutil.Error:
        return None
    return folder if folder is not None and (folder / "state.json").exists() else None
