"""Telemetry modes (``SHOP_TELEMETRY``, docs/instrumentation.md): who instruments a service, and how its process starts.

Imports nothing of OpenTelemetry, because the runtime uses it too.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from pathlib import Path

from vshop.kit.settings import SettingsError
from vshop.kit.telemetry.dialects import OPT_IN, STABILITY
from vshop.kit.telemetry.variables import given

SDK, NONE, ZERO_CODE = "sdk", "none", "zero-code"
VARIABLE = "SHOP_TELEMETRY"
_LAUNCHED = "VSHOP_TELEMETRY_LAUNCHED"
_KAFKA_INSTRUMENTATION = "opentelemetry-instrumentation-confluent-kafka"
PROVIDERS = ("OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER", "OTEL_PYTHON_LOGGER_PROVIDER")
"""Variables that load an SDK."""
_HEALTH_CHECKS = "^https?://[^/?]+/(flush|healthz|readyz)$"
DEFAULTS = {
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "2",  # seconds; a silent receiver must not hold a stopping process
    STABILITY: OPT_IN["stable"],
    "OTEL_BSP_SCHEDULE_DELAY": "200",  # ms; visible soon, and still batched
    "OTEL_BSP_MAX_QUEUE_SIZE": "16384",
    "OTEL_BLRP_SCHEDULE_DELAY": "200",
    "OTEL_BLRP_MAX_QUEUE_SIZE": "16384",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_PYTHON_FLASK_EXCLUDED_URLS": _HEALTH_CHECKS,
    # For OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_*: secrets, and the incidents of a request.
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS": ".*(auth|cookie|token|secret|key|chaos).*,baggage",
}

_EXTENDED = ("OTEL_PYTHON_FLASK_EXCLUDED_URLS", "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS")
"""Lists that the user's values extend: health checks are no orders, and nothing exported may name an incident."""


def with_defaults(environ: Mapping[str, str], service: str) -> dict[str, str]:
    """Return a service's ``OTEL_*`` variables with the shop's defaults."""
    found = given(environ)
    merged = DEFAULTS | {"OTEL_SERVICE_NAME": service} | found
    urls = "OTEL_PYTHON_EXCLUDED_URLS"
    if urls in found and _EXTENDED[0] not in found:
        found[_EXTENDED[0]] = found[urls]  # the instrumentation reads one of the two
    return merged | {name: f"{found[name]},{DEFAULTS[name]}" for name in _EXTENDED if name in found}


def set_defaults(service: str) -> None:
    """Set them in this process, and unset empty ones."""
    wanted = with_defaults(os.environ, service)
    for name in [name for name in os.environ if name.startswith("OTEL_") and name not in wanted]:
        del os.environ[name]
    os.environ |= wanted


def telemetry_mode(environ: Mapping[str, str]) -> str:
    """Return ``sdk``, ``none``, ``zero-code``, or the command of an agent."""
    mode = environ.get(VARIABLE, "").strip() or SDK
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return NONE if disabled and mode in {SDK, ZERO_CODE} else mode


def launcher(mode: str, packages: Path | None = None) -> list[str]:
    """Return the command that starts the agent; empty if the mode has none. Raises SettingsError if it is not installed."""
    if mode in {SDK, NONE}:
        return []
    if mode == ZERO_CODE and packages is not None:
        return [str(packages / "bin" / "opentelemetry-instrument")]
    if mode == ZERO_CODE:
        _check_zero_code()
    words = ["opentelemetry-instrument"] if mode == ZERO_CODE else _split(mode)
    # The environment of this Python may not be activated.
    program = shutil.which(words[0]) or shutil.which(words[0], path=str(Path(sys.executable).parent))
    if program is None:
        raise SettingsError(
            f"{VARIABLE}={mode!r}: the program {words[0]!r} is not on PATH. "
            f"Install it, or choose {SDK}, {NONE}, {ZERO_CODE} or another command."
        )
    return [program, *words[1:]]


def _check_zero_code() -> None:
    try:
        distribution(_KAFKA_INSTRUMENTATION)
    except PackageNotFoundError:
        message = (
            f"{VARIABLE}={ZERO_CODE} needs the package {_KAFKA_INSTRUMENTATION}. Install it: pip install 'virtual-shop[zero-code]'"
        )
        raise SettingsError(message) from None


def _split(mode: str) -> list[str]:
    try:
        return shlex.split(mode)
    except ValueError as error:
        raise SettingsError(f"{VARIABLE}={mode!r} is not a command: {error}.") from error


def without_agents(python_path: str) -> str:
    """Return a ``PYTHONPATH`` without folders that have a ``sitecustomize.py``, through which agents load themselves."""
    folders = python_path.split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not (folder and (Path(folder) / "sitecustomize.py").is_file()))


def under_agent(
    service: str, command: list[str], environ: Mapping[str, str], packages: Path | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return a service's command with the mode's launcher in front, and its environment without agents on ``PYTHONPATH``.

    ``service`` is empty for a program that is never instrumented. Raises SettingsError if the launcher is not installed.
    """
    mode = telemetry_mode(environ)
    agent = launcher(mode, packages) if service else []
    env = {name: value for name, value in environ.items() if mode != NONE or name not in PROVIDERS}
    folders = [str(packages)] if service and packages else []
    python_path = os.pathsep.join([*folders, without_agents(environ.get("PYTHONPATH", ""))])
    if python_path != environ.get("PYTHONPATH", ""):
        env["PYTHONPATH"] = python_path
    if agent:
        env = _exporters() | env | with_defaults(env, service) | {_LAUNCHED: "1"}
    return [*agent, *command], env


def _exporters() -> dict[str, str]:
    signals = ("traces", "logs")
    known = all(entry_points(group=f"opentelemetry_{signal}_exporter", name="otlp_redacted") for signal in signals)
    return {f"OTEL_{signal.upper()}_EXPORTER": "otlp_redacted" for signal in signals} if known else {}


def start_as_configured(service: str = "") -> None:
    """Start this process again by :func:`under_agent`, so that a container's command need not change with the mode."""
    if os.environ.pop(_LAUNCHED, None):
        return
    own, given = [sys.executable, *sys.orig_argv[1:]], dict(os.environ)
    command, env = under_agent(service, own, given)
    if (command, env) == (own, given):
        return
    if env.get("PYTHONPATH") != given.get("PYTHONPATH"):
        if not entry_points(group="opentelemetry_traces_exporter", name="otlp_proto_grpc"):
            env.pop("OTEL_EXPORTER_OTLP_PROTOCOL", None)  # OpenTelemetry's distro has set it to grpc, also where grpc is missing
        sys.stderr.write(f"PYTHONPATH={given['PYTHONPATH']} loads an agent: starting without it. {VARIABLE} chooses an agent.\n")
    os.execve(command[0], command, env | {_LAUNCHED: "1"})  # noqa: S606 - no shell is wanted
