import http.server
import threading

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SpanExportResult

from vshop.kit.settings import SettingsError
from vshop.kit.telemetry import exporting
from vshop.kit.telemetry.exporting import LightSession, make_all_exporters

PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


@pytest.fixture(autouse=True)
def sessions(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    made = []

    class Counted(LightSession):
        def __init__(self):
            super().__init__()
            made.append(self)

    monkeypatch.setattr(exporting, "LightSession", Counted)
    return made


@pytest.mark.parametrize(
    ("signal", "kind"), [("traces", OTLPSpanExporter), ("metrics", OTLPMetricExporter), ("logs", OTLPLogExporter)]
)
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
def test_plain_http_uses_urllib3(monkeypatch, sessions, signal, kind, env):
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    assert [type(one) for one in make_all_exporters(signal)[0]] == [kind]
    assert len(sessions) == 1


@pytest.mark.parametrize(
    "env",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example"},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://otel.example/v1/metrics",
        },
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318", "http_proxy": "http://proxy:3128"},
    ],
    ids=str,
)
def test_certificates_and_proxies_use_requests(monkeypatch, sessions, env):
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    assert [type(one) for one in make_all_exporters("traces")[0]] == [OTLPSpanExporter]
    assert sessions == []


def test_variables_name_the_exporters(monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console, otlp,none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")

    assert [type(one) for one in make_all_exporters("traces")[0]] == [ConsoleSpanExporter, OTLPSpanExporter]
    assert make_all_exporters("logs") == ([], [])


@pytest.mark.parametrize("env", [{"OTEL_TRACES_EXPORTER": "zipkin"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier-pigeon"}], ids=str)
def test_an_unknown_exporter_ends_a_service_with_a_sentence(monkeypatch, env):
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=next(iter(env.values()))):
        make_all_exporters("traces")


class Receiver(http.server.BaseHTTPRequestHandler):
    taken: list[tuple[str, bytes]] = []  # noqa: RUF012 - one receiver in this file

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        """Be quiet."""


@pytest.fixture
def receiver():
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_span_arrives(monkeypatch, receiver):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver)
    ((exporter,), _) = make_all_exporters("traces")
    span = TracerProvider().get_tracer("test").start_span("a span that arrives")
    span.end()

    result = exporter.export([span])

    exporter.shutdown()
    (path, body) = Receiver.taken[0]
    assert (result, path) == (SpanExportResult.SUCCESS, "/v1/traces")
    assert b"a span that arrives" in body


def test_the_light_session_returns_the_answer_or_raises(receiver):
    session = LightSession()

    answer = session.post(receiver, data=b"x", timeout=5)

    assert (answer.status_code, answer.ok, answer.json(), answer.headers["content-length"]) == (200, True, {}, "2")
    with pytest.raises(requests.ConnectionError):
        session.post("http://127.0.0.1:1", data=b"x", timeout=5)
    session.close()
