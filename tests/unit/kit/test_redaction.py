import json
import logging

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from vshop.kit.telemetry.exporting import RedactingLogExporter, RedactingSpanExporter, redact_span
from vshop.kit.telemetry.logs import JsonFormatter
from vshop.kit.telemetry.secrets import redact_value

SECRET = "hunter2"
TEXT = f'{{"password": "{SECRET}"}}'


@pytest.fixture
def exported():
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exported):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(RedactingSpanExporter(exported)))
    return provider.get_tracer("tests")


def _fail():
    raise ValueError(f"cannot log in with {TEXT}")


@pytest.mark.parametrize(
    "put",
    [
        pytest.param(lambda span: span.set_attribute("body", TEXT), id="attribute"),
        pytest.param(lambda span: span.set_attribute("bodies", ["a", TEXT]), id="list attribute"),
        pytest.param(
            lambda span: span.set_attribute("http.request.header.authorization", [f"ApiKey {SECRET}"]), id="header attribute"
        ),
        pytest.param(lambda span: span.set_attribute("user.password", SECRET), id="attribute's name"),
        pytest.param(lambda span: span.set_attribute("url.full", f"http://ada:{SECRET}@host/?api_key={SECRET}"), id="URL"),
        pytest.param(lambda span: span.add_event("said", {"body": TEXT}), id="event"),
        pytest.param(lambda span: span.add_event(f"token={SECRET}"), id="event's name"),
        pytest.param(lambda span: span.update_name(f"GET /?token={SECRET}"), id="name"),
        pytest.param(lambda span: span.set_status(Status(StatusCode.ERROR, TEXT)), id="status"),
        pytest.param(
            lambda span: span.add_link(SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(1)), {"body": TEXT}), id="link"
        ),
    ],
)
def test_a_secret_on_a_span_is_redacted(tracer, exported, put):
    with tracer.start_as_current_span("work") as span:
        put(span)

    (left,) = exported.get_finished_spans()
    assert SECRET in span.to_json()
    assert SECRET not in left.to_json()
    assert "[REDACTED]" in left.to_json()


def test_an_exceptions_message_and_stack_trace_are_redacted(tracer, exported):
    with pytest.raises(ValueError, match=SECRET), tracer.start_as_current_span("work"):
        _fail()

    (left,) = exported.get_finished_spans()
    assert left.events[0].attributes["exception.type"] == "ValueError"
    assert SECRET not in left.to_json()


def test_a_span_keeps_everything_else(tracer, exported):
    link = Link(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)), {"a": 1})
    with tracer.start_as_current_span("work", attributes={"a": 1, "b": True, "c": [1, 2]}, links=[link]) as span:
        span.set_attribute("body", TEXT)
        span.add_event("said", {"d": 2.5})

    (left,) = exported.get_finished_spans()
    for field in ("context", "parent", "resource", "kind", "start_time", "end_time", "instrumentation_scope", "links", "name"):
        assert getattr(left, field) == getattr(span, field), field
    assert dict(left.attributes) == {"a": 1, "b": True, "c": (1, 2), "body": '{"password": "[REDACTED]"}'}
    assert (left.events[0].name, dict(left.events[0].attributes)) == ("said", {"d": 2.5})


def test_a_span_without_secrets_is_not_copied(tracer):
    with tracer.start_as_current_span("work", attributes={"a": "b", "c": ["d", "e"], "token.count": 1}) as span:
        span.add_event("said", {"f": "g"})

    assert redact_span(span) is span


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (TEXT.encode(), b'{"password": "[REDACTED]"}'),
        ({"a": {"password": SECRET}}, {"a": {"password": "[REDACTED]"}}),
        ({"password": [SECRET]}, {"password": "[REDACTED]"}),
        ({"password": None, "token": True}, {"password": None, "token": True}),
        ([{"a": TEXT}, 1, None, 2.5], ({"a": '{"password": "[REDACTED]"}'}, 1, None, 2.5)),
        (b"\xff\x00", b"\xff\x00"),
        ({1: TEXT}, {1: '{"password": "[REDACTED]"}'}),
    ],
    ids=["bytes", "nested", "list by name", "nothing to hide", "list", "other bytes", "number as name"],
)
def test_values_of_any_type_are_redacted(value, left):
    assert redact_value(value) == left


def test_a_secret_in_a_log_is_redacted():
    exported = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(RedactingLogExporter(exported)))
    attributes = {"exception.message": TEXT, "password": SECRET, "thread": 1}
    record = LogRecord(body={"said": TEXT}, attributes=attributes, severity_number=SeverityNumber.INFO)

    provider.get_logger("tests").emit(record)

    (left,) = exported.get_finished_logs()
    assert SECRET not in left.log_record.body["said"] + str(dict(left.log_record.attributes))
    assert left.log_record.attributes["thread"] == 1


@pytest.fixture
def line():
    def write(message, *arguments, **more):
        record = logging.LogRecord("tests", logging.INFO, "here.py", 1, message, arguments, more.get("exc_info"))
        text = JsonFormatter("orders").format(record)
        assert "\n" not in text
        assert text.encode()
        return json.loads(text)

    return write


@pytest.mark.parametrize(
    "message",
    [
        TEXT,
        f"token={SECRET}",
        f'token="{SECRET}"',
        f"token='{SECRET}'",
        f"password=a\\{SECRET}",
        f'Cookie: a="{SECRET}"',
        f"a\npassword: {SECRET}",
    ],
    ids=ascii,
)
def test_a_secret_in_a_log_line_is_redacted(line, message):
    written = line(message)

    assert SECRET not in json.dumps(written)
    assert "[REDACTED]" in written["message"]
    assert (written["level"], written["service"], written["logger"]) == ("INFO", "orders", "tests")


def test_a_secret_in_a_logged_exception_is_redacted(line):
    with pytest.raises(ValueError, match=SECRET) as caught:
        _fail()

    written = line("failed", exc_info=(caught.type, caught.value, caught.tb))

    assert "ValueError" in written["exception"]
    assert SECRET not in written["exception"]


def test_any_text_makes_a_line(line):
    assert line('a\ud800"\x00\u2028🛒 %s', "b")["message"] == 'a\ud800"\x00\u2028🛒 b'


def test_a_line_has_the_ids_of_its_span(line, tracer):
    assert "trace_id" not in line("before")
    with tracer.start_as_current_span("work") as span:
        written = line("inside")

    context = span.get_span_context()
    assert (written["trace_id"], written["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
