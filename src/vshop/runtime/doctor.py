"""Whether a machine can run a shop, and if not, what to do: one check a function, each a line of ``vshop doctor``."""

import re
from typing import Literal

import msgspec

from vshop.runtime.machine import Machine
from vshop.runtime.parts import NAMES, chosen

State = Literal["ok", "note", "bad"]
_GB = 1e9
_MEMORY = (0.8 * _GB, 1.5 * _GB)
"""Under the first a shop (600 MB) does not fit; under the second it is tight beside a browser."""
_DISK = (0.5 * _GB, 2 * _GB)
"""Under the first not even Kafka's files fit; under the second an image for containers may not."""
_COMPOSE = (2, 20)
_NOT_NEEDED = "Not needed for `vshop up`."


class Finding(msgspec.Struct, frozen=True):
    """What one check found."""

    name: str
    state: State
    """``ok``; ``note``: something does not work, but a shop does; ``bad``: no shop starts here as it is."""
    seen: str
    do: str = ""
    """What to do about it."""


def examine(machine: Machine, *, running: bool = False) -> list[Finding]:
    """Make all checks.

    Args:
        machine: what is asked.
        running: whether a shop runs already: then its ports are taken, by itself.
    """
    found = Finding("ports", "ok", "a shop runs here") if running else ports(machine)
    before, after = (python, system, memory, disk), (offline, start_cache, docker, kubectl, browser)
    return [*(check(machine) for check in before), found, *(check(machine) for check in after)]


def python(machine: Machine) -> Finding:
    """Python 3.11 or newer."""
    version = ".".join(map(str, machine.python()))
    if machine.python() < (3, 11):
        return Finding("Python", "bad", version, "Install Python 3.11 or newer, and run `make up` with it first on the path.")
    return Finding("Python", "ok", version)


def system(machine: Machine) -> Finding:
    """Linux or macOS, on a processor that there is a Java runtime for."""
    name, processor = machine.system()
    seen = f"{name} on {processor}"
    if name not in {"Linux", "Darwin"}:
        return Finding("system", "bad", seen, "On Windows use WSL 2: inside it all is as on Linux.")
    if processor.lower() not in {"x86_64", "amd64", "arm64", "aarch64"}:
        return Finding("system", "bad", seen, "The Java runtime for Kafka comes for x86-64 and ARM64 only.")
    return Finding("system", "ok", seen)


def memory(machine: Machine) -> Finding:
    """Room for 600 MB, and a browser."""
    return _amount("memory", machine.available_bytes(), _MEMORY, "Close programs: a shop takes 600 MB, a browser about as much.")


def disk(machine: Machine) -> Finding:
    """Room for what is fetched once, and for images."""
    do = f"Make room: Kafka's files lie under {machine.cache()} (VSHOP_CACHE moves them), images where Docker keeps them."
    return _amount("disk", machine.free_bytes(machine.cache()), _DISK, do)


def _amount(name: str, there: float, limits: tuple[float, float], do: str) -> Finding:
    seen = f"{there / _GB:.1f} GB free"
    state: State = "bad" if there < limits[0] else "note" if there < limits[1] else "ok"
    return Finding(name, state, seen, do if state != "ok" else "")


def ports(machine: Machine) -> Finding:
    """Every default port is free."""
    wanted = {number: name for part in chosen(NAMES) for name, number in part.ports.items()}
    held = {number: holder for number in wanted if (holder := machine.holder(number))}
    if held:
        seen = "; ".join(f"{number} ({wanted[number]}) is held by {holder}" for number, holder in held.items())
        return Finding("ports", "bad", seen, "Stop what holds them, or start on others: `vshop up --free-ports`.")
    return Finding("ports", "ok", f"all {len(wanted)} are free")


def offline(machine: Machine) -> Finding:
    """Java and Kafka are here, so that nothing has to be fetched."""
    if machine.java() is None:
        return Finding("Java", "bad", "the runtime is not installed", "Install the shop's packages anew: `make clean up`.")
    if not machine.kafka_is_here():
        return Finding("Kafka", "note", "not fetched yet", "Run `vshop up` once while there is a network; later starts need none.")
    return Finding("Kafka", "ok", "it and Java are here: a start needs no network")


def start_cache(machine: Machine) -> Finding:
    """The cache that halves Kafka's start."""
    if machine.start_cache_is_here():
        return Finding("start cache", "ok", "made: Kafka starts in half the time")
    return Finding("start cache", "note", "not made yet", "The first `vshop up` makes it in the background, in about a minute.")


def docker(machine: Machine) -> Finding:
    """An engine that answers, and Compose 2.20 or newer."""
    install = f"For `make compose-up` install Docker with Compose 2.20 or newer. {_NOT_NEEDED}"
    try:
        engine = machine.answer("docker", "version", "--format", "{{.Server.Version}}")
    except OSError as error:
        return Finding("Docker", "note", f"the engine does not answer: {error}", f"For `make compose-up` start it. {_NOT_NEEDED}")
    if engine is None:
        return Finding("Docker", "note", "not installed", install)
    try:
        compose = machine.answer("docker", "compose", "version", "--short") or ""
    except OSError:
        return Finding("Docker", "note", f"engine {engine}, no Compose", install)
    seen = f"engine {engine}, Compose {compose}"
    version = tuple(int(number) for number in re.findall(r"\d+", compose)[:2])
    return Finding("Docker", "ok", seen) if version >= _COMPOSE else Finding("Docker", "note", seen, install)


def kubectl(machine: Machine) -> Finding:
    """A kubectl, for Kubernetes."""
    try:
        said = machine.answer("kubectl", "version", "--client")
    except OSError as error:
        return Finding("kubectl", "note", f"does not work: {error}", f"For Kubernetes only. {_NOT_NEEDED}")
    if said is None:
        return Finding("kubectl", "note", "not installed", f"For Kubernetes only. {_NOT_NEEDED}")
    return Finding("kubectl", "ok", said.splitlines()[0] if said else "installed")


def browser(machine: Machine) -> Finding:
    """A browser for the console."""
    found = machine.browser()
    if found is None:
        return Finding("browser", "note", "none found", "The console is a web page; without it every exercise works in a terminal.")
    return Finding("browser", "ok", found)
