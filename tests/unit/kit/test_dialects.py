import contextlib
from pathlib import Path

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vshop.conformance.rules import deprecated, is_known
from vshop.kit.telemetry.dialects import OPT_IN, SPELLINGS, STABILITY, exceptions, form, spell, stable
from vshop.kit.telemetry.exporting import ExceptionLogger, RedactingSpanExporter

SENT = {
    "messaging.system": "kafka",
    "messaging.operation.name": "send",
    "messaging.operation.type": "send",
    "messaging.destination.partition.id": "3",
    "messaging.kafka.offset": 7,
}
SENT_OLD = {
    "messaging.system": "kafka",
    "messaging.operation": "publish",
    "messaging.kafka.destination.partition": 3,
    "messaging.kafka.message.offset": 7,
}


@pytest.mark.parametrize(
    ("given", "convention", "expected"),
    [
        (None, "http", "stable"),
        (None, "messaging", "stable"),
        ("", "http", "stable"),
        ("old", "http", "old"),
        ("gen_ai_latest_experimental", "database", "old"),
        ("http", "database", "old"),
        ("http, http/dup", "http", "dup"),
        ("http/dup,database", "messaging", "dup"),
        ("http,messaging/dup", "messaging", "dup"),
        ("messaging", "http", "old"),
    ],
)
def test_form_of_a_convention(monkeypatch, given, convention, expected):
    monkeypatch.delenv(STABILITY, raising=False)
    if given is not None:
        monkeypatch.setenv(STABILITY, given)
    assert form(convention) == expected


@pytest.mark.parametrize(
    ("setting", "environ", "expected"),
    [
        ("event", {}, "event"),
        ("event", {"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs"}, "log"),
        ("event", {"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs,logs/dup"}, "both"),
        ("log", {"OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs/dup", "SHOP_EXCEPTIONS": "log"}, "log"),
    ],
)
def test_where_exceptions_are_recorded(monkeypatch, setting, environ, expected):
    for name in ("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "SHOP_EXCEPTIONS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert exceptions(setting) == expected


@pytest.mark.parametrize(("chosen", "expected"), [("old", SENT_OLD), ("stable", SENT), ("dup", SENT | SENT_OLD)])
def test_a_record_in_each_spelling_reads_the_same(monkeypatch, chosen, expected):
    monkeypatch.setenv(STABILITY, OPT_IN[chosen])

    written = spell("messaging", SENT)

    assert written == expected
    assert SENT.items() <= stable("PRODUCER", written).items()


def test_old_http_spans_read_as_stable_ones():
    server = stable("SERVER", {"http.method": "POST", "http.target": "/orders?a=1", "http.status_code": 500, "net.host.port": 8080})
    client = stable("CLIENT", {"http.method": "GET", "http.url": "http://auth:8081/x", "http.status_code": 401})

    assert (server["url.path"], server["server.port"], server["error.type"]) == ("/orders", 8080, "500")
    assert (client["server.address"], client["server.port"], client["error.type"]) == ("auth", 8081, "401")


def test_old_database_spans_read_as_stable_ones(monkeypatch):
    monkeypatch.setenv(STABILITY, OPT_IN["old"])
    by_the_library = {"db.system": "dynamodb", "aws.dynamodb.table_names": ["item-stock"], "http.status_code": 400}

    assert spell("database", {"db.system.name": "aws.dynamodb"}) == {}
    read = stable("CLIENT", by_the_library | {"error.type": "ValidationException"})
    assert (read["db.system.name"], read["db.collection.name"]) == ("aws.dynamodb", "item-stock")
    assert read["db.response.status_code"] == "ValidationException"
    assert "http.response.status_code" not in read


def test_the_conventions_know_the_stable_names_and_deprecate_the_old_ones():
    for table in SPELLINGS.values():
        for name, old in table.items():
            assert is_known(name)
            assert deprecated(name) is None
            assert deprecated(old) or old in {"aws.dynamodb.table_names", "error.type", "messaging.client_id"}, old


def test_the_docs_list_every_spelling():
    page = (Path(__file__).parents[3] / "docs/instrumentation.md").read_text(encoding="utf-8")

    for convention, table in SPELLINGS.items():
        where = f" ({convention.partition(' ')[2]})" if " " in convention else ""
        assert [row for name, old in table.items() if (row := f"| `{name}`{where} | `{old}` |") not in page] == []


@pytest.mark.parametrize("events", [True, False])
def test_exceptions_are_logged_in_the_context_of_their_span(events):
    spans, records = InMemorySpanExporter(), InMemoryLogRecordExporter()
    tracers, loggers = TracerProvider(), LoggerProvider()
    loggers.add_log_record_processor(SimpleLogRecordProcessor(records))
    tracers.add_span_processor(ExceptionLogger(loggers))
    tracers.add_span_processor(SimpleSpanProcessor(RedactingSpanExporter(spans, exception_events=events)))

    with (
        contextlib.suppress(ZeroDivisionError),
        tracers.get_tracer("flask").start_as_current_span("POST /orders") as span,
    ):
        span.add_event("feature_flag.evaluation")
        raise ZeroDivisionError("by zero")

    (exported,) = spans.get_finished_spans()
    assert [event.name for event in exported.events] == ["feature_flag.evaluation", *(["exception"] if events else [])]
    (logged,) = records.get_finished_logs()
    record, context = logged.log_record, span.get_span_context()
    assert (record.event_name, record.severity_text) == ("exception", "ERROR")
    assert (record.trace_id, record.span_id) == (context.trace_id, context.span_id)
    assert (record.attributes["exception.type"], record.attributes["exception.message"]) == ("ZeroDivisionError", "by zero")
    assert "Traceback" in record.attributes["exception.stacktrace"]
    assert "exception.escaped" not in record.attributes
    assert logged.instrumentation_scope.name == "flask"
