"""Which port each part gets, and who sits on a port that is taken."""

import itertools
import os
import socket
from collections.abc import Mapping

from vshop.kit.settings import load
from vshop.runtime.errors import PortInUseError, name_near
from vshop.runtime.options import Options
from vshop.runtime.parts import PARTS, Part

LOOPBACK = "127.0.0.1"
# Below every system's range for outgoing connections, so that nothing is given away between choosing a port and listening on it.
_FIRST, _LAST, _BLOCK = 15000, 32000, 16
_blocks = itertools.count()


def assign(options: Options, parts: list[Part], environ: Mapping[str, str]) -> dict[str, int]:
    """Give every port of every part a number.

    Args:
        options: ports that were named, and whether the others are to be free ones.
        parts: the parts that will be started.
        environ: where ``SHOP_*_PORT`` is looked for when ports are not to be free.

    Returns:
        Numbers by the names of the ports.

    Raises:
        UnknownNameError: a port was named that does not exist.
    """
    named = {_port_name(name): number for name, number in options.ports.items()}
    names = [name for part in parts for name in part.ports]
    if options.free_ports:
        missing = [name for name in names if name not in named]
        ports = dict(zip(missing, free(len(missing)), strict=True))
    else:
        given = {key: value for key, value in environ.items() if key.startswith("SHOP_") and key.endswith("_PORT") and value}
        settings = load(given)
        ports = {
            name: getattr(settings, f"{name}_port") if f"SHOP_{name.upper()}_PORT" in given else default
            for part in parts
            for name, default in part.ports.items()
        }
    return ports | {name: number for name, number in named.items() if name in names}


def _port_name(given: str) -> str:
    known = {name: name for part in PARTS for name in part.ports}
    known |= {part.name: next(iter(part.ports)) for part in PARTS if len(part.ports) == 1}
    if given not in known:
        raise name_near(given, known, "port")
    return known[given]


def free(count: int) -> list[int]:
    """Choose ports on which nothing listens. Processes that choose at the same time get different ones.

    Args:
        count: how many.
    """
    blocks = (_LAST - _FIRST) // _BLOCK
    found: list[int] = []
    while len(found) < count:
        block = (os.getpid() * 7 + next(_blocks)) % blocks
        start = _FIRST + block * _BLOCK
        found += [port for port in range(start, start + _BLOCK) if not in_use(port)]
    return found[:count]


def in_use(port: int) -> bool:
    """Say whether something listens on a port of the loopback address.

    Args:
        port: its number.
    """
    # Both are needed: macOS lets a second socket bind 127.0.0.1 beside one on 0.0.0.0, and a socket may be bound without listening.
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


def check(parts: list[Part], ports: Mapping[str, int]) -> None:
    """Make sure that every port is to be had, all at once, so that one error names them all.

    Args:
        parts: the parts that will be started.
        ports: numbers by the names of the ports.

    Raises:
        PortInUseError: some are taken, or one number was given twice.
    """
    wanted = [(name, part.name, ports[name]) for part in parts for name in part.ports]
    seen: dict[int, str] = {}
    lines, taken = [], ""
    for name, part, number in wanted:
        if number in seen:
            lines.append(f"  {number} ({name}, for {part}) is also asked for by {seen[number]}")
        elif in_use(number):
            lines.append(f"  {number} ({name}, for {part}) is held by {holder(number)}")
        else:
            seen[number] = part
            continue
        taken = taken or name
    if lines:
        number = 10000 + ports[taken] % 10000
        raise PortInUseError(
            "The shop was not started: these ports are taken.\n" + "\n".join(lines) + f"\nStop what holds them, choose others "
            f"(`vshop up --port {taken}={number}`), or let free ones be chosen for all (`vshop up --free-ports`)."
        )


def holder(port: int) -> str:
    """Describe the process that listens on a port, as far as this user may see it.

    Args:
        port: its number.
    """
    import psutil  # noqa: PLC0415 - only on the way to an error

    # Process by process: the system-wide list needs root on macOS.
    for process in psutil.process_iter(["pid", "cmdline", "name"]):
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        if any(c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port for c in connections):
            command = " ".join(process.info["cmdline"] or [process.info["name"] or "?"])
            return f"process {process.info['pid']}: {command[:120]}"
    return "a process that this user may not see (a container, or another user's)"
