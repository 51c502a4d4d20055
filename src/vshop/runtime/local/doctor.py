"""Checks whether a machine can run a shop."""

import contextlib
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import webbrowser
from typing import Literal

import msgspec
import psutil

from vshop.kit.settings import Settings
from vshop.runtime.backends import java_servers
from vshop.runtime.backends.jars import KAFKA
from vshop.runtime.local import aot
from vshop.runtime.model import folders, ports
from vshop.runtime.model.parts import NAMES, select
from vshop.runtime.model.processes import capture

FindingState = Literal["ok", "note", "bad"]
_GB = 1e9
_MEMORY = (0.8 * _GB, 1.5 * _GB)
"""Minimum for a shop, and enough for a browser too."""
_DISK = (0.5 * _GB, 2 * _GB)
"""Minimum for Kafka's files, and enough for an image too."""
_PROGRAM_TIMEOUT_S = 10.0
_COMPOSE, _ENGINE = (2, 20), (25, 0)
_GRPC_PORT = Settings().otlp_grpc_port
_NOT_NEEDED = "Not needed for `vshop up`."


class Finding(msgspec.Struct, frozen=True):
    """Result of one check."""

    name: str
    state: FindingState
    """``note``: something optional is missing; ``bad``: a shop cannot start."""
    seen: str
    do: str = ""


def run_checks(*, running: bool = False) -> list[Finding]:
    """Run all checks. The ports of a running shop are not checked."""
    found = Finding("ports", "ok", "a shop runs here") if running else check_ports()
    after = (check_offline, check_start_cache, check_grpc, check_docker, check_kubectl, check_browser)
    return [check_python(), check_system(), check_memory(), check_disk(), found, *(check() for check in after)]


def check_python() -> Finding:
    """Require Python 3.11 or newer."""
    version = platform.python_version()
    if _version(version) < (3, 11):
        return Finding("Python", "bad", version, "Install Python 3.11 or newer, and run `make up` with it first on the path.")
    return Finding("Python", "ok", version)


def check_system() -> Finding:
    """Require Linux or macOS, on x86-64 or ARM64."""
    name, processor = platform.system(), platform.machine()
    seen = f"{name} on {processor}"
    if name not in {"Linux", "Darwin"}:
        return Finding("system", "bad", seen, "On Windows, use WSL 2, which behaves like Linux.")
    if processor.lower() not in {"x86_64", "amd64", "arm64", "aarch64"}:
        return Finding("system", "bad", seen, "Use x86-64 or ARM64: Kafka's Java runtime exists only for these.")
    return Finding("system", "ok", seen)


def check_memory() -> Finding:
    """Check the available memory."""
    do = "Close programs: a shop needs 600 to 900 MB, a browser about as much."
    return _check_amount("memory", psutil.virtual_memory().available, _MEMORY, do)


def check_disk() -> Finding:
    """Check the disk space."""
    cache = folders.cache()
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    do = f"Free disk space. Kafka's files are stored in {cache} (set VSHOP_CACHE to move them), images in Docker's folder."
    return _check_amount("disk", shutil.disk_usage(existing).free, _DISK, do)


def _check_amount(name: str, available: float, limits: tuple[float, float], do: str) -> Finding:
    seen = f"{available / _GB:.1f} GB free"
    state: FindingState = "bad" if available < limits[0] else "note" if available < limits[1] else "ok"
    return Finding(name, state, seen, do if state != "ok" else "")


def check_ports() -> Finding:
    """Check that all default ports are free."""
    wanted = {number: name for part in select(NAMES) for name, number in part.ports.items()}
    held = {number: ports.holder(number) for number in wanted if ports.in_use(number)}
    if held:
        by_holder: dict[str, list[str]] = {}
        for number, holder in held.items():
            by_holder.setdefault(holder, []).append(f"{number} ({wanted[number]})")
        seen = "; ".join(f"{', '.join(several)} held by {holder}" for holder, several in by_holder.items())
        return Finding("ports", "bad", seen, "Stop these processes, or use free ports: `vshop up --free-ports`.")
    return Finding("ports", "ok", f"all {len(wanted)} are free")


def check_offline() -> Finding:
    """Check that a start needs no network."""
    try:
        has_java = java_servers.java().exists()
    except (ImportError, AttributeError):
        has_java = False
    if not has_java:
        return Finding("Java", "bad", "the runtime is not installed", "Reinstall the shop's packages: `make clean up`.")
    if not KAFKA.fetched():
        return Finding("Kafka", "note", "not downloaded yet", "Run `vshop up` once with a network. Later starts need none.")
    return Finding("Kafka", "ok", "installed, and Java too; a start needs no network")


def check_start_cache() -> Finding:
    """Check for Kafka's start cache."""
    with contextlib.suppress(ImportError, AttributeError, OSError):  # the Java runtime is not installed
        if aot.cache_file().exists():
            seen = f"built; it halves Kafka's start, and stays in {folders.cache()} after `vshop down`"
            return Finding("start cache", "ok", seen)
    return Finding("start cache", "note", "not built yet", "The first `vshop up` builds it in the background, in about a minute.")


def check_grpc() -> Finding:
    """Check whether the observatory can receive OTLP/gRPC, the default protocol of several SDKs."""
    if importlib.util.find_spec("grpc"):
        return Finding("OTLP/gRPC", "ok", f"installed; a shop receives it on {_GRPC_PORT}")
    do = f"To send OTLP/gRPC to the shop, run `{sys.executable} -m pip install 'virtual-shop[grpc]'`. {_NOT_NEEDED}"
    return Finding("OTLP/gRPC", "note", f"the extra grpc is not installed; nothing listens on {_GRPC_PORT}", do)


def check_docker() -> Finding:
    """Check for Docker and Compose 2.20 or newer."""
    install = f"For `make compose-up`, install Docker with Compose 2.20 or newer. {_NOT_NEEDED}"
    try:
        engine = _output("docker", "version", "--format", "{{.Server.Version}}")
    except OSError as error:
        return Finding("Docker", "note", f"the engine does not answer: {error}", f"For `make compose-up`, start it. {_NOT_NEEDED}")
    if engine is None:
        return Finding("Docker", "note", "not installed", install)
    if "podman" in (_output("docker", "--version") or "").lower():
        return Finding("Docker", "note", "this `docker` is Podman: podman-compose has no --wait", install)
    try:
        compose = _output("docker", "compose", "version", "--short") or ""
    except OSError:
        return Finding("Docker", "note", f"engine {engine}, no Compose", install)
    seen = f"engine {engine}, Compose {compose}"
    if _version(engine) < _ENGINE:
        do = f"`make compose-up` needs Docker Engine 25 or newer: health checks use `start_interval`. {_NOT_NEEDED}"
        return Finding("Docker", "note", seen, do)
    return Finding("Docker", "ok", seen) if _version(compose) >= _COMPOSE else Finding("Docker", "note", seen, install)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])


def check_kubectl() -> Finding:
    """Check for kubectl."""
    try:
        version = _output("kubectl", "version", "--client")
    except OSError as error:
        return Finding("kubectl", "note", f"does not work: {error}", f"Install it to use Kubernetes. {_NOT_NEEDED}")
    if version is None:
        return Finding("kubectl", "note", "not installed", f"Install it to use Kubernetes. {_NOT_NEEDED}")
    return Finding("kubectl", "ok", version.splitlines()[0] if version else "installed")


def check_browser() -> Finding:
    """Check for a browser."""
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return Finding("browser", "note", "none found", "The console is a web page. Every exercise also works in a terminal.")
    return Finding("browser", "ok", str(getattr(found, "name", "") or type(found).__name__))


def _output(*command: str) -> str | None:
    """Return a program's output, or None if it does not exist. Raises OSError with the last line of its output if it failed."""
    try:
        ran = capture(*command, timeout_s=_PROGRAM_TIMEOUT_S)
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired as error:
        raise OSError(f"no answer within {_PROGRAM_TIMEOUT_S:g} s") from error
    if ran.returncode:
        lines = (ran.stderr or ran.stdout).strip().splitlines()
        raise OSError(lines[-1] if lines else f"exit status {ran.returncode}")
    return ran.stdout.strip()
