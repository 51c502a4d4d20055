"""Runs the shop by ``docker compose``. All functions raise ComposeError."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from vshop.kit.telemetry.variables import not_passed_on
from vshop.runtime.model import folders
from vshop.runtime.model.errors import ComposeError
from vshop.runtime.model.parts import PUBLISHED
from vshop.runtime.model.processes import capture
from vshop.runtime.model.progress import Ended, Event, Mode, Progress, Started

TAIL_SAMPLING = "SHOP_TAIL_SAMPLING"
"""Variable with the percentage of ordinary traces that the Collector keeps; empty: there is no Collector."""
TAIL_SAMPLING_PROFILE = "tail-sampling"
_UNITS = {"B": 1, "kB": 1e3, "KiB": 2**10, "MB": 1e6, "MiB": 2**20, "GB": 1e9, "GiB": 2**30}
_STDERR = 2
_INSTEAD = "`vshop up` runs the same shop without Docker."


class ComposeMode(Mode):
    """Runs the shop in containers."""

    name, first_order_s = "compose", 20.0

    def __init__(self, timeout_s: float = 180.0, *, volumes: bool = False) -> None:
        self._timeout_s, self._volumes = timeout_s, volumes

    def up(self, progress: Progress) -> Started:
        """Build and start the containers."""
        ignored = not_passed_on(os.environ, variables(), "docker-compose.yml, below x-telemetry")
        if ignored:
            progress(Event("telemetry", "note", ignored))
        up(self._timeout_s)
        urls, running = addresses(), containers()
        width = max(map(len, running), default=0)
        memory = [f"{len(running)} containers, {sum(running.values()) / 1e6:.0f} MB resident in all:"]
        memory += [f"  {name:<{width}}  {resident / 1e6:.0f} MB" for name, resident in running.items()]
        others = {name: url for name, url in urls.items() if url != f"http://127.0.0.1:{PUBLISHED[name][1]}"}
        exports = [f"  export VSHOP_{name.upper()}_URL={url}" for name, url in others.items()]
        if exports:
            exports.insert(0, "The ports are not the defaults. Set these for all other commands:")
        details = {"containers": [{"name": name, "residentBytes": resident} for name, resident in running.items()]}
        return Started(urls, details, notes=tuple("\n".join(lines) for lines in (memory, exports) if lines))

    def down(self, _progress: Progress) -> Ended:
        """Remove the containers."""
        down(volumes=self._volumes)
        return Ended(found=True, text=f"Removed the containers{' and their stored data' if self._volumes else ''}.")

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the published ports."""
        return addresses()


def up(timeout_s: float) -> None:
    """Build the image, and start all containers; the timeout excludes the build."""
    if _run("build", "--quiet").returncode:
        raise ComposeError(f"`docker compose build` in {_file().parent} failed; see its output above. {_INSTEAD}")
    arguments = ["up", "--detach", "--no-build", "--remove-orphans", "--wait", "--wait-timeout", str(int(timeout_s))]
    if _run(*arguments).returncode:
        raise ComposeError(_explain_failure())


def down(*, volumes: bool) -> None:
    """Stop and remove the containers."""
    # Without its name, the containers of a profile would stay while their network is removed.
    profiles = [argument for name in ("load", TAIL_SAMPLING_PROFILE) for argument in ("--profile", name)]
    if _run(*profiles, "down", "--remove-orphans", *(["--volumes"] if volumes else [])).returncode:
        raise ComposeError("`docker compose down` failed; see its output above.")


def addresses() -> dict[str, str]:
    """Return the published addresses, by field of ``vshop.shop.addresses.Addresses``."""
    services = json.loads(_read("config", "--format", "json"))["services"]
    published = {
        (name, port["target"]): port["published"] for name, service in services.items() for port in service.get("ports", ())
    }
    return {name: f"http://127.0.0.1:{published[target]}" for name, target in PUBLISHED.items() if target in published}


def containers() -> dict[str, int]:
    """Return the resident bytes of the running containers, by name."""
    ids = _read("ps", "--quiet").split()
    if not ids:
        return {}
    ran = capture("docker", "stats", "--no-stream", "--format", "{{json .}}", *ids, timeout_s=60)
    return dict(sorted((row["Name"], _bytes(row["MemUsage"].partition("/")[0])) for row in _json_lines(ran.stdout)))


def variables() -> set[str]:
    """Return the names of the environment variables that docker-compose.yml reads."""
    return set(re.findall(r"\$\{(\w+)", _file().read_text(encoding="utf-8")))


def _bytes(text: str) -> int:
    found = re.fullmatch(r"\s*([\d.]+)\s*(\w+)\s*", text)
    return int(float(found[1]) * _UNITS.get(found[2], 1)) if found else 0


def _file() -> Path:
    file = folders.services().parent / "docker-compose.yml"
    if not file.is_file():
        raise ComposeError(f"There is no {file}: containers can be built only in a checkout of the project. {_INSTEAD}")
    return file


def _command(*arguments: str) -> list[str]:
    _check_docker()
    profile = ["--profile", TAIL_SAMPLING_PROFILE] if os.environ.get(TAIL_SAMPLING) else []
    return ["docker", "compose", "--file", str(_file()), *profile, *arguments]


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    # stdout belongs to the JSON output of `vshop`.
    return subprocess.run(_command(*arguments), stdout=_STDERR, check=False)


def _json_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def _read(*arguments: str) -> str:
    ran = capture(*_command(*arguments), timeout_s=60)
    if ran.returncode:
        raise ComposeError(f"`docker compose {' '.join(arguments)}` failed: {ran.stderr.strip()}")
    return ran.stdout


def _check_docker() -> None:
    try:
        ran = capture("docker", "version", "--format", "{{.Server.Version}}", timeout_s=20)
        compose = capture("docker", "compose", "version", "--short", timeout_s=20)
    except FileNotFoundError as error:
        raise ComposeError(f"There is no `docker` on the path. Install Docker with Compose 2.20 or newer. {_INSTEAD}") from error
    except subprocess.TimeoutExpired as error:
        raise ComposeError(f"Docker did not answer within 20 s. If it is starting, try again. {_INSTEAD}") from error
    if ran.returncode:
        raise ComposeError(f"The Docker engine does not answer: {ran.stderr.strip()}. Start it, or set DOCKER_HOST. {_INSTEAD}")
    if compose.returncode:
        raise ComposeError(f"Docker has no `compose` command. Install Compose 2.20 or newer. {_INSTEAD}")


def _explain_failure() -> str:
    rows = _json_lines(_read("ps", "--all", "--format", "json"))
    unhealthy = [row for row in rows if row["State"] != "running" or row.get("Health") not in ("", "healthy")]
    if not unhealthy:
        return "`docker compose up` failed; see its output above. If a port is in use, set e.g. VSHOP_ORDERS_PORT=18080"
    parts = []
    for row in unhealthy:
        log = _read("logs", "--no-color", "--no-log-prefix", "--tail", "15", row["Service"]).rstrip()
        quoted = "\n".join(f"  | {line}" for line in log.splitlines())
        state = " and ".join(filter(None, (row["State"], row.get("Health"))))
        parts.append(f"{row['Service']} is {state}. The end of its log:\n{quoted}")
    return "\n".join(["Not every container became healthy.", *parts, "On a busy machine, allow more time (`--timeout 180`)."])
