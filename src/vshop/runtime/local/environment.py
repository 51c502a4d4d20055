"""Builds the environment of the parts' processes.

Of the launcher's variables, the services get:

- in an ordinary shop: all, except ``AWS_*`` if the shop starts its own DynamoDB, which must never see real credentials, and
  except those ``OTEL_*`` that ``otel_variables`` changes;
- in a shop on free ports: no ``SHOP_*``, ``OTEL_*`` or ``AWS_*``, so that a test sees the same shop on every machine;
- in both: no folder of ``PYTHONPATH`` with a ``sitecustomize.py``, through which agents load themselves.

The addresses of the parts that this shop starts override these. ``Options.env`` overrides everything.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from vshop.kit.telemetry.modes import ZERO_CODE, launcher, telemetry_mode, without_agents
from vshop.kit.telemetry.variables import given
from vshop.runtime.backends import jaeger
from vshop.runtime.local import otel_variables
from vshop.runtime.model import folders
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import select

RUN_VARIABLE = "VSHOP_RUN"
"""Holds the run's id in every process of a run, so that orphans can be found."""

_PREFIXES = ("SHOP_", "OTEL_", "AWS_")
_AWS = {
    "AWS_ACCESS_KEY_ID": "embedded",
    "AWS_SECRET_ACCESS_KEY": "embedded",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    # The user's profiles may set another endpoint, region or retry mode.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def check_telemetry(options: Options, environ: Mapping[str, str]) -> None:
    """Raise SettingsError if the services' agent is missing, or an ``OTEL_*`` variable cannot work."""
    mode = chosen_mode(options, environ)
    settled(options, {"otlp": 0, **options.ports}, environ)
    if mode != ZERO_CODE:  # its packages are installed if they are missing
        launcher(mode)


def chosen_mode(options: Options, environ: Mapping[str, str]) -> str:
    """Return the telemetry mode of the services."""
    return telemetry_mode(options.env if options.free_ports else {**environ, **options.env})


def settled(options: Options, ports: Mapping[str, int], environ: Mapping[str, str]) -> otel_variables.Settled:
    """Return the ``OTEL_*`` variables of the services, and what is said about them. Raises SettingsError."""
    endpoints = [part.variables.get("OTEL_EXPORTER_OTLP_ENDPOINT", "") for part in select(options.parts)]
    users = options.env if options.free_ports else {**environ, **options.env}
    found = otel_variables.settle(users, chosen_mode(options, environ), "".join(endpoints).format(**ports))
    ignored = sorted(given(environ).keys() - options.env.keys()) if options.free_ports else []
    if ignored:
        found.notes.append(f"{', '.join(ignored)}: ignored, because a shop on free ports takes no variables of the shell")
    return found


def build(options: Options, ports: Mapping[str, int], run: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of the shop's processes."""
    parts = select(options.parts)
    own_dynamodb = any(part.name == "dynamodb" for part in parts)
    dropped = _PREFIXES if options.free_ports else ("OTEL_", "AWS_") if own_dynamodb else ("OTEL_",)
    env = {key: value for key, value in environ.items() if not key.startswith(dropped)}
    for part in parts:
        env |= {f"SHOP_{name.upper()}_PORT": str(ports[name]) for name in part.ports if part.reads_settings}
        env |= {key: template.format(**ports) for key, template in part.variables.items() if not key.startswith("OTEL_")}
    if own_dynamodb:
        env |= _AWS
    if any(part.name == "console" for part in parts):
        env["SHOP_JOURNAL"] = str(folders.home(options.home).journal)
    env |= jaeger.external_variables(options, env)
    env["PYTHONPATH"] = python_path(environ)
    # Requests to loopback addresses must not go through the user's proxy.
    for key in ("NO_PROXY", "no_proxy"):
        env[key] = ",".join(filter(None, (environ.get(key), "127.0.0.1,localhost")))
    if env.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Compiling all modules at each start takes seconds. The bytecode goes to the cache folder, not beside the user's sources.
        env.setdefault("PYTHONPYCACHEPREFIX", str(folders.cache() / "bytecode"))
    others = {name: value for name, value in options.env.items() if not name.startswith("OTEL_")}
    return env | others | settled(options, ports, environ).variables | {RUN_VARIABLE: run}


def build_for_helpers(environ: Mapping[str, str]) -> dict[str, str]:
    """Build the environment of the runtime's background programs, which belong to no run."""
    return {key: value for key, value in environ.items() if key != RUN_VARIABLE} | {"PYTHONPATH": python_path(environ)}


def python_path(environ: Mapping[str, str]) -> str:
    """Return a ``PYTHONPATH`` that finds the services and ``vshop``."""
    source = Path(__file__).resolve().parents[3]
    # Only for a checkout that is not installed: site-packages is on the path already, and must not come first.
    own = [str(source)] if source.name == "src" else []
    given = without_agents(environ.get("PYTHONPATH", ""))
    return os.pathsep.join([str(folders.services()), *own, *filter(None, [given])])
