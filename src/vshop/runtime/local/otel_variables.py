"""What a shop on this machine does with the ``OTEL_*`` variables of its user (docs/settings.md).

The services get all of them, except: the shop's own store gets every signal, and an endpoint of the user a copy; each service
keeps its name. A value that cannot work stops the start. Each ignored or changed variable is reported.
"""

import os
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, distributions
from typing import NamedTuple
from urllib.parse import urlsplit

from vshop.kit.telemetry.modes import NONE, SDK, ZERO_CODE
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
from vshop.runtime.local import services_packages

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROVIDERS = ("OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER", "OTEL_PYTHON_LOGGER_PROVIDER")
_OF_ZERO_CODE = ("OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
_PROMETHEUS_PORT = "OTEL_EXPORTER_PROMETHEUS_PORT"
_WITH_METRICS = ("orders", "auth-stub", "stock-updater")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Settled(NamedTuple):
    """The services' variables, and a line for each that is ignored or changed."""

    variables: dict[str, str]
    notes: list[str]


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
        _drop(settled, _PROVIDERS, "ignored, because each service sets its providers up itself")
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
        settled.notes.append(f"{_PROMETHEUS_PORT}: each service needs a port of its own: {ports}")
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
