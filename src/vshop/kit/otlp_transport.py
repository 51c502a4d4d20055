"""The HTTP client of the OTLP exporters: urllib3's where that is enough, since it takes half the CPU time of the usual one."""

import os
from typing import Any

from opentelemetry.exporter.http.transport._urllib3 import Urllib3HTTPTransport
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from requests.utils import get_environ_proxies

_EXPORTERS = (OTLPSpanExporter, OTLPMetricExporter, OTLPLogExporter)
_ENDPOINTS = ("", "_TRACES", "_METRICS", "_LOGS")


def exporter_arguments() -> dict[type, dict[str, Any]]:
    """Return what the exporters are to be built with, by their class, as OpenTelemetry's configurator takes it.

    A batch a few times a second from each signal of each service is mostly HTTP. requests stays where it can do what urllib3's
    transport does not: TLS with certificates of one's own, proxies, credential providers
    (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
    """
    if not _is_plain():
        return {}
    # The transport is OpenTelemetry's own, its argument not public yet; constraints.txt and pyproject.toml pin the version.
    return {exporter: {"_transport": Urllib3HTTPTransport()} for exporter in _EXPORTERS}


def _is_plain() -> bool:
    """Tell whether every exporter sends to plain HTTP, by no proxy, with no credentials but its headers."""
    urls = [url for signal in _ENDPOINTS if (url := os.environ.get(f"OTEL_EXPORTER_OTLP{signal}_ENDPOINT"))]
    with_provider = any(name.startswith("OTEL_") and name.endswith("_CREDENTIAL_PROVIDER") for name in os.environ)
    return not with_provider and all(url.startswith("http://") and not get_environ_proxies(url) for url in urls)
