"""Provides OpenTelemetry's SDK and instrumentations where the environment of ``vshop`` has others, or none.

All packages of an OpenTelemetry release require each other in one exact version, so ``virtual-shop`` requires no SDK. If the
environment has no release that fits, the pinned ``services_packages.txt`` are installed into a folder of the cache, once, from
which only the shop's services import. See docs/adr/0012.
"""

import hashlib
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from vshop.runtime.model import folders
from vshop.runtime.model.errors import FetchError
from vshop.runtime.model.processes import capture
from vshop.runtime.model.progress import Event, Progress

_LIST = Path(__file__).with_name("services_packages.txt")
_REQUIRED = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-distro",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-instrumentation",
    "opentelemetry-instrumentation-botocore",
    "opentelemetry-instrumentation-flask",
    "opentelemetry-instrumentation-logging",
    "opentelemetry-instrumentation-requests",
    "opentelemetry-instrumentation-wsgi",
    "opentelemetry-proto",
    "opentelemetry-semantic-conventions",
)
_REQUIRED_BY_ZERO_CODE = ("opentelemetry-instrumentation-confluent-kafka",)
_OLDEST_SDK = (1, 40)
_WAIT_S = 300.0


def pinned() -> list[str]:
    """Return the packages, each as ``name==version``."""
    return [line for line in _LIST.read_text().splitlines() if line and not line.startswith("#")]


def problem(*, zero_code: bool) -> str:
    """Return why this environment cannot run the services, or an empty text.

    It can if it has all required packages (for ``opentelemetry-instrument`` too if ``zero_code``), in versions that fit each other
    and are not too old.
    """
    found: dict[str, str] = {}
    for name in (*_REQUIRED, *(_REQUIRED_BY_ZERO_CODE if zero_code else ())):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            return f"{name} is not installed"
    if tuple(int(number) for number in found["opentelemetry-sdk"].split(".")[:2]) < _OLDEST_SDK:
        return f"opentelemetry-sdk {found['opentelemetry-sdk']} is older than {'.'.join(map(str, _OLDEST_SDK))}"
    for name, installed in found.items():
        for other, wanted in _exact_requirements(name):
            if other in found and found[other] != wanted:
                return f"{name} {installed} needs {other} {wanted}, but {found[other]} is installed"
    return ""


def _exact_requirements(name: str) -> Iterator[tuple[str, str]]:
    for requirement in requires(name) or ():
        match = re.fullmatch(r"([\w.-]+)\s*\(?==\s*([\w.]+)\)?", requirement.partition(";")[0].strip())
        if match is not None and "extra ==" not in requirement:
            yield match[1].lower().replace("_", "-"), match[2]


def folder() -> Path:
    """Return the folder of the packages, one for each Python and list. It exists only when complete."""
    kind = (sys.implementation.cache_tag, sys.platform, platform.machine(), *pinned())
    return folders.cache() / f"services-{hashlib.sha256(repr(kind).encode()).hexdigest()[:12]}"


def ensure(progress: Progress, *, zero_code: bool) -> Path | None:
    """Install the packages unless this environment has a release that fits. Raises FetchError.

    Returns the folder that the services must import from first, or None.
    """
    reason = problem(zero_code=zero_code)
    if not reason:
        return None
    target = folder()
    return folders.ensure(target, lambda partial: _install(partial, target, reason, progress), _WAIT_S, "install packages")


def _install(partial: Path, target: Path, reason: str, progress: Progress) -> None:
    progress(Event("services", "fetching", f"installing OpenTelemetry for the services, once ({reason})"))
    done = capture(*_installer(), "--no-deps", "--target", str(partial), *pinned())
    if done.returncode:
        shutil.rmtree(partial, ignore_errors=True)
        raise FetchError(
            f"Cannot install OpenTelemetry for the services, which is necessary because {reason}.\n"
            f"Cause: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f'exit status {done.returncode}'}.\n"
            "Check the network and try again, or use a separate environment: pip install 'virtual-shop[services]'. On a machine "
            f"without a network, copy the folder {target} from one where a shop has run."
        )


def _installer() -> list[str]:
    uv = [sys.executable, "-m", "uv"] if find_spec("uv") else [path] if (path := shutil.which("uv")) else []
    if uv:
        return [*uv, "pip", "install", "--quiet", "--python", sys.executable]
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    raise FetchError(
        "OpenTelemetry for the services cannot be installed: this environment has neither pip nor uv. "
        "Install 'virtual-shop[services]' with the program that made it."
    )
