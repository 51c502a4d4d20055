"""The shop in containers: runs ``docker compose`` on the checkout's docker-compose.yml, and says where everything is."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from vshop.runtime import folders
from vshop.runtime.errors import ComposeError

_PORTS = {
    ("orders", 8080): "orders",
    ("auth-stub", 8081): "auth",
    ("stock-updater", 8082): "stock",
    ("console", 8090): "console",
    ("jaeger", 16686): "traces",
    ("observatory", 16687): "observatory",
}
_UNITS = {"B": 1, "kB": 1e3, "KiB": 2**10, "MB": 1e6, "MiB": 2**20, "GB": 1e9, "GiB": 2**30}
_STDERR = 2
_INSTEAD = "`vshop up` runs the same shop without Docker."


class Container(NamedTuple):
    """One container that runs."""

    name: str
    resident_bytes: int


def up(timeout_s: float) -> None:
    """Build the image, start everything and wait until every container is healthy. Compose tells its progress on stderr.

    Args:
        timeout_s: how long to wait for the containers, in seconds; the build does not count.

    Raises:
        ComposeError: Docker is not there, or a container did not become healthy.
    """
    _build()
    waiting = ["up", "--detach", "--no-build", "--remove-orphans", "--wait", "--wait-timeout", str(int(timeout_s))]
    if _run(*waiting).returncode:
        raise ComposeError(_why_not_up())


def _build() -> None:
    if _run("build", "--quiet").returncode:
        raise ComposeError(f"`docker compose build` in {_file().parent} failed; its output above says why. {_INSTEAD}")


def down(*, volumes: bool) -> None:
    """Stop and remove the containers.

    Args:
        volumes: also remove what they stored: orders, stock, traces.

    Raises:
        ComposeError: Docker is not there, or refused.
    """
    # Containers of a profile that is not named would stay, though their network goes.
    if _run("--profile", "load", "down", "--remove-orphans", *(["--volumes"] if volumes else [])).returncode:
        raise ComposeError("`docker compose down` failed; its output above says why.")


def addresses() -> dict[str, str]:
    """Say where the published ports are, by the names in ``vshop.addresses.Addresses``.

    Raises:
        ComposeError: Docker is not there.
    """
    services = json.loads(_read("config", "--format", "json"))["services"]
    published = {
        (name, port["target"]): port["published"] for name, service in services.items() for port in service.get("ports", ())
    }
    return {name: f"http://127.0.0.1:{published[place]}" for place, name in _PORTS.items() if place in published}


def containers() -> list[Container]:
    """List the containers that run, with the memory that each has resident.

    Raises:
        ComposeError: Docker is not there.
    """
    ids = _read("ps", "--quiet").split()
    if not ids:
        return []
    ran = subprocess.run(
        ["docker", "stats", "--no-stream", "--format", "{{json .}}", *ids], capture_output=True, text=True, timeout=60, check=False
    )
    rows: list[dict[str, Any]] = [json.loads(line) for line in ran.stdout.splitlines()]
    return sorted(Container(row["Name"], _bytes(row["MemUsage"].partition("/")[0])) for row in rows)


def variables() -> set[str]:
    """Return the names of the variables that docker-compose.yml takes from the environment.

    Raises:
        ComposeError: there is no such file here.
    """
    return set(re.findall(r"\$\{(\w+)", _file().read_text(encoding="utf-8")))


def _bytes(text: str) -> int:
    found = re.fullmatch(r"\s*([\d.]+)\s*(\w+)\s*", text)
    return int(float(found[1]) * _UNITS.get(found[2], 1)) if found else 0


def _file() -> Path:
    file = folders.services().parent / "docker-compose.yml"
    if not file.is_file():
        raise ComposeError(
            f"There is no {file}: containers are built from a checkout of the project, which this is not. {_INSTEAD}"
        )
    return file


def _command(*arguments: str) -> list[str]:
    return ["docker", "compose", "--file", str(_file()), *arguments]


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    # Its progress goes to stderr, so that what `vshop` prints as JSON stays JSON.
    _check()
    return subprocess.run(_command(*arguments), stdout=_STDERR, check=False)


def _read(*arguments: str) -> str:
    _check()
    ran = subprocess.run(_command(*arguments), capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode:
        raise ComposeError(f"`docker compose {' '.join(arguments)}` failed: {ran.stderr.strip()}")
    return ran.stdout


def _check() -> None:
    try:
        ran = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, timeout=20, check=False
        )
        compose = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, timeout=20, check=False)
    except FileNotFoundError as error:
        raise ComposeError(f"There is no `docker` on the path. Install Docker with Compose 2.20 or newer. {_INSTEAD}") from error
    except subprocess.TimeoutExpired as error:
        raise ComposeError(f"Docker did not answer within 20 s. Is it starting? Try again. {_INSTEAD}") from error
    if ran.returncode:
        raise ComposeError(f"Docker's engine does not answer: {ran.stderr.strip()}. Start it (DOCKER_HOST says where). {_INSTEAD}")
    if compose.returncode:
        raise ComposeError(f"`docker compose` is not there. Install Compose 2.20 or newer. {_INSTEAD}")


def _why_not_up() -> str:
    rows = [json.loads(line) for line in _read("ps", "--all", "--format", "json").splitlines()]
    waiting = [row for row in rows if row["State"] != "running" or row.get("Health") not in ("", "healthy")]
    if not waiting:
        return (
            "`docker compose up` failed; its output above says why (a port that is taken: VSHOP_ORDERS_PORT and the like move it)."
        )
    parts = []
    for row in waiting:
        log = _read("logs", "--no-color", "--no-log-prefix", "--tail", "15", row["Service"]).rstrip()
        quoted = "\n".join(f"  | {line}" for line in log.splitlines())
        state = " and ".join(filter(None, (row["State"], row.get("Health"))))
        parts.append(f"{row['Service']} is {state}. The end of its log:\n{quoted}")
    return "\n".join(["Not every container became healthy.", *parts, "On a busy machine give it longer (`--timeout 180`)."])
