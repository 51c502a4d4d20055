"""Checks ``OTEL_*`` variables (docs/settings.md): which values cannot work, and which take telemetry away.

Imports nothing of OpenTelemetry, because the runtime uses it too.

Run as a program, it is the image's entry point: it checks what OpenTelemetry's API reads, and then runs the container's command. A
service cannot check it, because it imports the API, whose import ends in a traceback for an unknown propagator.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

from vshop.kit.settings import SettingsError

STORE = "VSHOP_STORE_ENDPOINT"
"""Address of the shop's own receiver, if ``OTEL_*`` variables name further ones."""
SAMPLED_AWAY, TAIL_SAMPLED = "traces are sampled away", "traces are tail-sampled"
SIGNALS = ("TRACES", "METRICS", "LOGS")
DESTINATIONS = ("OTEL_EXPORTER_OTLP_", *(f"OTEL_{signal}_EXPORTER" for signal in SIGNALS))
"""Prefixes of the variables about where and how telemetry is sent."""
TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
"""The shop's store heeds it too: it adds deltas up."""
PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http", "http/json": "otlp_json_http"}
_BUILT_IN: dict[str, set[str]] = {
    "exporter": {"otlp", "console", "none", "otlp_proto_http", "otlp_redacted"},
    "opentelemetry_propagator": {"tracecontext", "baggage", "none", "xray", "xray-lambda"},
    "opentelemetry_traces_sampler": {
        f"{prefix}{name}" for prefix in ("", "parentbased_") for name in ("always_on", "always_off", "traceidratio")
    },
    "opentelemetry_context": {"contextvars_context"},
    "opentelemetry_id_generator": {"random"},
    "opentelemetry_resource_detector": {"otel", "process", "os", "host", "service_instance", "*"},
}
"""Components of the packages that every service has."""
_PACKAGES = {
    "otlp_proto_grpc": "'virtual-shop[grpc]'",
    "otlp_json_http": "opentelemetry-exporter-otlp-json-http",
    "prometheus": "opentelemetry-exporter-prometheus",
    "zipkin": "opentelemetry-exporter-zipkin",
    "zipkin_json": "opentelemetry-exporter-zipkin-json",
    **dict.fromkeys(("b3", "b3multi", "jaeger"), "'virtual-shop[propagators]'"),
    "ottrace": "opentelemetry-propagator-ot-trace",
    "xray": "opentelemetry-sdk-extension-aws",
}
_CONFIG_FILES = ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE")
_QUEUE, _BATCH = "16384", "512"
_NUMBERS = re.compile(
    r"OTEL_(BSP|BLRP)_(SCHEDULE_DELAY|EXPORT_TIMEOUT|MAX_QUEUE_SIZE|MAX_EXPORT_BATCH_SIZE)|OTEL_EXPORTER_PROMETHEUS_PORT"
)
_SECONDS = re.compile(r"OTEL_METRIC_EXPORT_(INTERVAL|TIMEOUT)|OTEL_EXPORTER_OTLP_(\w+_)?TIMEOUT|OTEL_EXPORTER_ZIPKIN_TIMEOUT")
_LIMITS = re.compile(r"OTEL_\w+_(COUNT|LENGTH)_LIMIT")
_FILES = re.compile(r"OTEL_EXPORTER_OTLP_(\w+_)?(CERTIFICATE|CLIENT_KEY)")
_PATTERNS = re.compile(r"OTEL_PYTHON_(\w+_)?EXCLUDED_URLS")
_CHOICES = {
    r"OTEL_EXPORTER_OTLP_(\w+_)?PROTOCOL": tuple(PROTOCOLS),
    r"OTEL_EXPORTER_OTLP_(\w+_)?COMPRESSION": ("none", "gzip", "deflate"),
    "OTEL_METRICS_EXEMPLAR_FILTER": ("always_on", "always_off", "trace_based"),
    TEMPORALITY: ("cumulative", "delta", "lowmemory"),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
        "explicit_bucket_histogram",
        "base2_exponential_bucket_histogram",
    ),
}
_ENOUGH_ATTRIBUTES, _ENOUGH_CHARACTERS = 64, 8192
"""With these limits, a trace still has all that ``vshop up`` reads."""

Installed = Callable[[str], Iterable[str]]
"""Returns the registered components of a group of entry points."""


def _installed(group: str) -> Iterable[str]:
    return entry_points(group=group).names


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the ``OTEL_*`` variables that are not empty, which the specification takes for unset."""
    return {name: value for name, value in environ.items() if name.startswith("OTEL_") and value.strip()}


def not_passed_on(environ: Mapping[str, str], passed: Iterable[str], instead: str) -> str:
    """Return a sentence about ``OTEL_*`` variables that do not reach containers, or an empty text."""
    names = sorted(given(environ).keys() - set(passed))
    return f"{', '.join(names)}: ignored, because containers take no variables of the shell; set them in {instead}" if names else ""


def check_components_of_api(environ: Mapping[str, str], installed: Installed = _installed) -> None:
    """Check ``OTEL_PROPAGATORS`` and ``OTEL_PYTHON_CONTEXT``, which the API reads without an SDK too. Raises SettingsError."""
    for name in _words(environ.get("OTEL_PROPAGATORS", "")):
        _check_component("OTEL_PROPAGATORS", name, "opentelemetry_propagator", installed)
    context = environ.get("OTEL_PYTHON_CONTEXT", "").strip()
    if context:
        _check_component("OTEL_PYTHON_CONTEXT", context, "opentelemetry_context", installed)


def check_values(environ: Mapping[str, str]) -> None:
    """Check values, whatever is installed. Raises SettingsError."""
    variables = given(environ)
    for name in _CONFIG_FILES:
        if name in variables:
            raise SettingsError(
                f"{name} cannot be used: the exporters in such a file do not redact secrets. Unset it, or choose an agent that "
                "reads it, such as --telemetry opentelemetry-instrument."
            )
    for name, value in variables.items():
        _check_value(name, value)


def check(environ: Mapping[str, str], installed: Installed = _installed) -> None:
    """Check all variables that the SDK reads. Raises SettingsError."""
    variables = given(environ)
    check_components_of_api(variables, installed)
    check_values(variables)
    for signal in SIGNALS:
        _check_destination(signal, variables, installed)
    _check_sampler(variables, installed)
    _check_component(
        "OTEL_PYTHON_ID_GENERATOR", variables.get("OTEL_PYTHON_ID_GENERATOR", "random"), "opentelemetry_id_generator", installed
    )
    for detector in _words(variables.get("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "")):
        _check_component("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", detector, "opentelemetry_resource_detector", installed)
    for prefix in ("OTEL_BSP", "OTEL_BLRP"):
        _check_queue(prefix, variables)


def restriction(environ: Mapping[str, str], tail_sampling: float = 100.0) -> str:
    """Return which variables take telemetry away, such as ``no metrics: OTEL_METRICS_EXPORTER=none``, or an empty text.

    Args:
        environ: the variables.
        tail_sampling: the setting of that name.
    """
    variables = given(environ)
    found = [f"{effect}: {name}={variables[name]}" for effect, name in _restrictions(variables)]
    if tail_sampling < 100:
        found.append(f"{TAIL_SAMPLED}: SHOP_TAIL_SAMPLING={tail_sampling:g}")
    return "; ".join(found)


def _restrictions(variables: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for signal in SIGNALS:
        name = f"OTEL_{signal}_EXPORTER"
        if _words(variables.get(name, "otlp")) == ["none"]:
            yield f"no {signal.lower()}", name
    if variables.get("OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION", "true").strip().lower() == "false":
        yield "no logs", "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION"
    sampler = variables.get("OTEL_TRACES_SAMPLER", "").strip().removeprefix("parentbased_")
    if sampler == "traceidratio" and float(variables.get("OTEL_TRACES_SAMPLER_ARG", "1")) < 1:
        yield SAMPLED_AWAY, "OTEL_TRACES_SAMPLER_ARG"
    elif sampler not in {"", "always_on", "traceidratio"}:
        yield SAMPLED_AWAY, "OTEL_TRACES_SAMPLER"
    propagators = set(_words(variables.get("OTEL_PROPAGATORS", "")))
    if propagators and propagators <= {"none", "baggage"}:
        yield "traces are not joined", "OTEL_PROPAGATORS"
    for name, value in variables.items():
        if _LIMITS.fullmatch(name) and value.strip().isdecimal() and int(value) < _enough(name):
            yield "traces are cut", name
        if _PATTERNS.fullmatch(name):
            yield "traces lack requests", name


def _enough(limit: str) -> int:
    if limit.endswith("LENGTH_LIMIT"):
        return _ENOUGH_CHARACTERS
    return _ENOUGH_ATTRIBUTES if "ATTRIBUTE" in limit else 1


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _check_value(name: str, value: str) -> None:
    text = value.strip()
    if _NUMBERS.fullmatch(name) and not (text.isdecimal() and int(text) > 0):
        raise SettingsError(f"{name}={value!r} is not a whole number above 0.")
    if _SECONDS.fullmatch(name) and not _number(text) > 0:
        raise SettingsError(f"{name}={value!r} is not a number above 0.")
    if _LIMITS.fullmatch(name) and not (text.isdecimal() or text == "unset"):
        raise SettingsError(f"{name}={value!r} is not a whole number, 0 or more.")
    if _FILES.fullmatch(name) and not Path(text).is_file():
        raise SettingsError(f"{name}={value!r}: there is no such file.")
    for names, choices in _CHOICES.items():
        if re.fullmatch(names, name) and text.lower() not in choices:
            raise SettingsError(f"{name}={value!r} is not one of {', '.join(choices)}.")
    if _PATTERNS.fullmatch(name):
        for expression in _words(value):
            try:
                re.compile(expression)
            except re.error as error:
                raise SettingsError(f"{name}: {expression!r} is not a regular expression: {error}.") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def otlp_protocol(signal: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """Return a signal's (``TRACES``, …) OTLP protocol, and the variable that chooses it."""
    name = _chosen("PROTOCOL", signal, variables) or "OTEL_EXPORTER_OTLP_PROTOCOL"
    return variables.get(name, "").strip().lower() or "http/protobuf", name


def otlp_endpoint(signal: str, variables: Mapping[str, str]) -> str:
    """Return the variable that holds a signal's OTLP endpoint, or an empty text."""
    return _chosen("ENDPOINT", signal, variables)


def _chosen(what: str, signal: str, variables: Mapping[str, str]) -> str:
    names = (f"OTEL_EXPORTER_OTLP_{signal}_{what}", f"OTEL_EXPORTER_OTLP_{what}")
    return next((name for name in names if variables.get(name, "").strip()), "")


def _check_destination(signal: str, variables: Mapping[str, str], installed: Installed) -> None:
    group, variable = f"opentelemetry_{signal.lower()}_exporter", f"OTEL_{signal}_EXPORTER"
    names = _words(variables.get(variable, "otlp"))
    for name in names:
        _check_component(variable, name, group, installed)
    if "otlp" not in names:
        return
    protocol, chosen_by = otlp_protocol(signal, variables)
    _check_component(chosen_by, PROTOCOLS[protocol], group, installed, written=protocol)
    endpoint = otlp_endpoint(signal, variables)
    if endpoint and protocol != "grpc":
        parts = urlsplit(variables[endpoint].strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingsError(f"{endpoint} is not an address such as http://127.0.0.1:4319.")


def _check_component(variable: str, name: str, group: str, installed: Installed, written: str = "") -> None:
    known = _BUILT_IN["exporter" if group.endswith("_exporter") else group] | set(installed(group))
    if name in known or name.lower() == "none":
        return
    package = _PACKAGES.get(name)
    if package:
        raise SettingsError(f"{variable}={written or name} needs a package that is not installed: pip install {package}")
    raise SettingsError(f"{variable}={written or name}: no installed package has it. Installed: {', '.join(sorted(known))}.")


def _check_sampler(variables: Mapping[str, str], installed: Installed) -> None:
    name = variables.get("OTEL_TRACES_SAMPLER", "always_on").strip()
    _check_component("OTEL_TRACES_SAMPLER", name, "opentelemetry_traces_sampler", installed)
    argument = variables.get("OTEL_TRACES_SAMPLER_ARG", "1")
    if name.endswith("traceidratio") and not 0 <= _number(argument) <= 1:
        raise SettingsError(f"OTEL_TRACES_SAMPLER_ARG={argument!r} is not a number from 0 to 1.")


def _check_queue(prefix: str, variables: Mapping[str, str]) -> None:
    size, batch = f"{prefix}_MAX_QUEUE_SIZE", f"{prefix}_MAX_EXPORT_BATCH_SIZE"
    queue, exported = int(variables.get(size, _QUEUE)), int(variables.get(batch, _BATCH))
    if exported > queue:
        cause = f"{batch}={exported}" if batch in variables else f"{size}={queue}"
        raise SettingsError(f"{cause} cannot be used: {batch} ({exported}) must not be greater than {size} ({queue}).")


if __name__ == "__main__":
    try:
        check_components_of_api(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted
