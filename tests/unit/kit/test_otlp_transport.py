"""The exporters' HTTP client: the light one only where it can do all that is asked."""

import http.server
import threading

import pytest
from opentelemetry.exporter.http.transport._urllib3 import Urllib3HTTPTransport
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from vshop.kit.otlp_transport import exporter_arguments

EXPORTERS = {OTLPSpanExporter, OTLPMetricExporter, OTLPLogExporter}


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """No proxy is set, and no endpoint."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs:4318/v1/logs"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "http_proxy": "http://proxy:3128", "no_proxy": "127.0.0.1"},
    ],
    ids=str,
)
def test_plain_http_takes_the_light_client(monkeypatch, env):
    """For all three signals, each with a connection of its own."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    arguments = exporter_arguments()

    assert arguments.keys() == EXPORTERS
    transports = [argument["_transport"] for argument in arguments.values()]
    assert all(isinstance(one, Urllib3HTTPTransport) for one in transports)
    assert len(set(map(id, transports))) == len(EXPORTERS)


@pytest.mark.parametrize(
    "env",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example"},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://otel.example/v1/metrics",
        },
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318", "http_proxy": "http://proxy:3128"},
        {"OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "mine"},
    ],
    ids=str,
)
def test_what_the_light_client_cannot_do_is_left_to_requests(monkeypatch, env):
    """Certificates, a proxy, credentials that a plug-in knows."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    assert exporter_arguments() == {}


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes whatever is posted."""

    taken: list[tuple[str, bytes]] = []  # noqa: RUF012 - one receiver in this file

    def do_POST(self):
        """Keep the path and the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Be quiet."""


def test_a_span_arrives_by_it(monkeypatch):
    """The exporter takes the argument that it is built with."""
    receiver = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
    exporter = OTLPSpanExporter(**exporter_arguments()[OTLPSpanExporter])
    span = TracerProvider().get_tracer("test").start_span("a span that arrives")
    span.end()

    result = exporter.export([span])

    exporter.shutdown()
    receiver.shutdown()
    receiver.server_close()
    (path, body) = Receiver.taken[0]
    assert (result, path) == (SpanExportResult.SUCCESS, "/v1/traces")
    assert b"a span that arrives" in body
