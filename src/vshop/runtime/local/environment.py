"""Builds the environment of the parts' processes.

Of the launcher's variables, the services get:

- in an ordinary shop: all, except ``AWS_*`` if the shop starts its own DynamoDB, which must never see real credentials, and
  except some ``OTEL_*`` (docs/settings.md): the shop's own store gets every signal, and an endpoint of the user a copy; each
  service keeps its name. A value that cannot work stops the start. Each ignored or changed variable is reported;
- in a shop on free ports: no ``SHOP_*``, ``OTEL_*`` or ``AWS_*``, so that a test sees the same shop on every machine;
- in both: no folder of ``PYTHONPATH`` with a ``sitecustomize.py``, through which agents load themselves.

The addresses of the parts that this shop starts override these. ``Options.env`` overrides everything.
"""

import os
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, distributions
from typing import NamedTuple
from urllib.parse import urlsplit

from vshop.kit.telemetry.modes import NONE, PROVIDERS, SDK, ZERO_CODE, launcher, telemetry_mode
from vshop.kit.telemetry.variables import (
    DESTINATIONS,
    SIGNALS,
    STORE,
    TEMPORALITY,
    check,
    check_components_of_api,
    check_values,
    given,
    otlp_endpoint,
)
from vshop.runtime.backends import jaeger
from vshop.runtime.local import services_packages
from vshop.runtime.model import folders
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import select
from vshop.runtime.model.processes import RUN_VARIABLE, python_path

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
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_OF_ZERO_CODE = ("OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
_PROMETHEUS_PORT = "OTEL_EXPORTER_PROMETHEUS_PORT"
_WITH_METRICS = ("orders", "auth-stub", "stock-updater")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Settled(NamedTuple):
    """The services' variables, and a line for each that is ignored or changed."""

    variables: dict[str, str]
    notes: list[str]


def check_telemetry(options: Options, environ: Mapping[str, str]) -> None:
    """Raise SettingsError if the services' agent is missing, or an ``OTEL_*`` variable cannot work."""
    mode = chosen_mode(options, environ)
    settled(options, {"otlp": 0, **options.ports}, environ)
    if mode != ZERO_CODE:  # its packages are installed if they are missing
        launcher(mode)


def chosen_mode(options: Options, environ: Mapping[str, str]) -> str:
    """Return the telemetry mode of the services."""
    return telemetry_mode(options.env if options.free_ports else {**environ, **options.env})


def settled(options: Options, ports: Mapping[str, int], environ: Mapping[str, str]) -> Settled:
    """Return the ``OTEL_*`` variables of the services, and what is said about them. Raises SettingsError."""
    endpoints = [part.variables.get("OTEL_EXPORTER_OTLP_ENDPOINT", "") for part in select(options.parts)]
    users = options.env if options.free_ports else {**environ, **options.env}
    found = settle(users, chosen_mode(options, environ), "".join(endpoints).format(**ports))
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


def settle(environ: Mapping[str, str], mode: str, store: str) -> Settled:
    """Decide what the services get. Raises SettingsError.

    ``store`` is the endpoint of the shop's own receiver; empty if it has none.
    """
    variables = given(environ)
    if mode in {SDK, ZERO_CODE}:
        check_values(variables)  # also of those that have no effect
    settled = Settled(variables, [])
    _keep_names(settled, mode)
    if mode == SDK:
        _drop(settled, PROVIDERS, "ignored, because each service sets its providers up itself")
        for name in [name for name in _OF_ZERO_CODE if name in variables]:
            settled.notes.append(f"{name} has no effect, except with --telemetry zero-code")
    if store:
        _send_to_store(settled, mode, store)
    if mode in {SDK, ZERO_CODE}:
        check(variables, _installed)
    else:
        check_components_of_api(variables, _installed)
    if "prometheus" in variables.get("OTEL_METRICS_EXPORTER", ""):
        ports = ", ".join(f"{service} {prometheus_port(variables, service)}" for service in _WITH_METRICS)
        settled.notes.append(f"{_PROMETHEUS_PORT}: each service needs its own port: {ports}")
    return settled


def prometheus_port(variables: Mapping[str, str], service: str) -> str:
    """Return the port at which Prometheus reads a service's metrics."""
    return str(int(variables.get(_PROMETHEUS_PORT, "9464")) + _WITH_METRICS.index(service))


def for_service(environ: Mapping[str, str], service: str) -> dict[str, str]:
    """Return the variables that one service needs beside the common ones."""
    needed = service in _WITH_METRICS and "prometheus" in environ.get("OTEL_METRICS_EXPORTER", "")
    return {_PROMETHEUS_PORT: prometheus_port(environ, service)} if needed else {}


def _drop(settled: Settled, names: Iterable[str], reason: str) -> None:
    dropped = [name for name in names if name in settled.variables]
    for name in dropped:
        del settled.variables[name]
    if dropped:
        settled.notes.append(f"{', '.join(dropped)}: {reason}")


def _keep_names(settled: Settled, mode: str) -> None:
    _drop(settled, ["OTEL_SERVICE_NAME"], "ignored, because each service keeps its own name")
    pairs = settled.variables.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    if mode != NONE and any(pair.partition("=")[0].strip() == "service.name" for pair in pairs):
        settled.notes.append("OTEL_RESOURCE_ATTRIBUTES: service.name is ignored, because each service keeps its own name")


def _send_to_store(settled: Settled, mode: str, store: str) -> None:
    variables = settled.variables
    for name in [name for name in variables if name.endswith("_ENDPOINT") and _is_same(variables[name], store)]:
        del variables[name]  # nothing is lost: the store gets every signal
    destinations = [name for name in variables if name.startswith(DESTINATIONS)]
    exporters = [name for name in destinations if name.endswith("_EXPORTER")]
    if mode == NONE:
        for name in destinations:
            del variables[name]
    elif mode == ZERO_CODE:
        sent = [name for name in destinations if not (name in exporters and variables[name].strip() == "none")]
        _drop(settled, sent, "ignored, because zero-code sends to the shop's store, without secrets; --forward URL sends a copy")
        variables[_ENDPOINT] = store
    elif mode == SDK:
        further = [signal for signal in SIGNALS if otlp_endpoint(signal, variables)]
        if not further:
            others = [name for name in destinations if name not in exporters and name != TEMPORALITY]
            _drop(settled, others, f"no effect without {_ENDPOINT}, because the shop's store gets http/protobuf")
        if further or exporters:
            variables[STORE] = store
        else:
            variables[_ENDPOINT] = store
    elif not any(otlp_endpoint(signal, variables) for signal in SIGNALS):
        variables[_ENDPOINT] = store  # for an agent that sends OTLP


def _is_same(endpoint: str, store: str) -> bool:
    try:
        host, port = (parts := urlsplit(endpoint.strip())).hostname, parts.port
    except ValueError:  # `check` reports it
        return False
    return host in _LOOPBACK and port == urlsplit(store).port


def _installed(group: str) -> Iterable[str]:
    folder = services_packages.folder()
    found: list[EntryPoint] = []
    for distribution in [*distributions(), *(distributions(path=[os.fspath(folder)]) if folder.is_dir() else ())]:
        found += distribution.entry_points.select(group=group)
    return {point.name for point in found}
