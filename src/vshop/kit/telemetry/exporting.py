"""The exporters that ``OTEL_*_EXPORTER`` names, with secrets removed."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import entry_points
from typing import Any

from opentelemetry._logs import LoggerProvider, LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, StatusCode, TraceState, set_span_in_context
from requests.utils import get_environ_proxies

from vshop.kit.settings import SettingsError
from vshop.kit.telemetry.modes import DEFAULTS
from vshop.kit.telemetry.secrets import redact, redact_field, redact_value
from vshop.kit.telemetry.sending import LightSession, RetryQueue
from vshop.kit.telemetry.variables import PROTOCOLS, STORE, TEMPORALITY, otlp_endpoint, otlp_protocol

EXCEPTION = "exception"
_OVER_HTTP: Mapping[str, Any] = {"traces": OTLPSpanExporter, "metrics": OTLPMetricExporter, "logs": OTLPLogExporter}
_OTLP = "OTEL_EXPORTER_OTLP_"
_OTLP_EXPORTERS = {"otlp", *PROTOCOLS.values()}


def make_all_exporters(signal: str) -> tuple[list[Any], list[Any]]:
    """Make the exporters that must get every item of ``traces``, ``metrics`` or ``logs``, and further ones. Raises SettingsError.

    With the shop's own store, only that must. Otherwise all named exporters must.
    """
    names = [name.strip() for name in (os.environ.get(f"OTEL_{signal.upper()}_EXPORTER") or "otlp").split(",")]
    store = os.environ.get(STORE)
    # The shop's own store has an exporter already.
    only_store = store and not otlp_endpoint(signal.upper(), os.environ)
    made = [_make(signal, name) for name in names if not (only_store and name in _OTLP_EXPORTERS)]
    named = [one for one in made if one is not None]
    if not store:
        return named, []
    return [_make_for_store(signal, store)] if names != ["none"] else [], named


def _make(signal: str, name: str) -> Any:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    if name == "otlp":
        protocol, variable = otlp_protocol(signal.upper(), os.environ)
        name = PROTOCOLS.get(protocol, protocol)
    kind = component(variable, f"opentelemetry_{signal}_exporter", name)
    if kind is None:
        return None
    try:
        return kind(session=LightSession()) if kind in _OVER_HTTP.values() and _sends_plain_http() else kind()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{variable}: the exporter {name} cannot start: {error}.") from error


def _make_for_store(signal: str, endpoint: str) -> Any:
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_OTLP) and name != TEMPORALITY}
    os.environ |= {f"{_OTLP}ENDPOINT": endpoint, f"{_OTLP}TIMEOUT": DEFAULTS[f"{_OTLP}TIMEOUT"]}
    try:
        return _OVER_HTTP[signal](session=LightSession())
    finally:
        del os.environ[f"{_OTLP}ENDPOINT"], os.environ[f"{_OTLP}TIMEOUT"]
        os.environ |= hidden


def component(variable: str, group: str, name: str) -> Any:
    """Return the component of a group of entry points that a variable names; None for ``none``. Raises SettingsError."""
    if name.lower() == "none":
        return None
    found = entry_points(group=group)
    if name not in found.names:
        known = found.names - {"otlp_proto_http"} | {"otlp"} if "exporter" in group else found.names
        raise SettingsError(f"{variable}: no installed package has {name!r}. Installed: {', '.join(sorted(known))}.")
    return found[name].load()


def _sends_plain_http() -> bool:
    endpoints = ("", "_TRACES", "_METRICS", "_LOGS")
    urls = [url for signal in endpoints if (url := os.environ.get(f"OTEL_EXPORTER_OTLP{signal}_ENDPOINT"))]
    with_provider = any(name.startswith("OTEL_") and name.endswith("_CREDENTIAL_PROVIDER") for name in os.environ)
    return not with_provider and all(url.startswith("http://") and not get_environ_proxies(url) for url in urls)


_FLUSH_S = 3.0


class _Redacting:
    _signal = ""
    _result: Any = None

    def __init__(self, exporter: SpanExporter | LogRecordExporter, redact_item: Callable[[Any], Any]) -> None:
        self._exporter: Any = exporter
        self._redact_item = redact_item
        self.retries = RetryQueue(self._acknowledged, self._signal)

    def export(self, batch: Sequence[Any]) -> Any:
        clean = [self._redact_item(item) for item in batch]
        return self._result.SUCCESS if self.retries.send(clean) else self._result.FAILURE

    def _acknowledged(self, items: Sequence[Any]) -> bool:
        with suppress_instrumentation():
            return bool(self._exporter.export(items) is self._result.SUCCESS)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        self.retries.flush(min(_FLUSH_S, timeout_millis / 1000))
        return bool(self._exporter.force_flush(timeout_millis)) and not self.retries.waiting

    def shutdown(self) -> None:
        self.retries.close()
        self._exporter.shutdown()


class RedactingSpanExporter(_Redacting, SpanExporter):
    """Removes secrets from spans, and exceptions if they are logged instead."""

    _signal, _result = "traces", SpanExportResult

    def __init__(self, exporter: SpanExporter, *, exception_events: bool = True) -> None:
        super().__init__(exporter, partial(redact_span, exception_events=exception_events))


class RedactingLogExporter(_Redacting, LogRecordExporter):
    """Removes secrets from body and attributes."""

    _signal, _result = "logs", LogRecordExportResult

    def __init__(self, exporter: LogRecordExporter) -> None:
        super().__init__(exporter, _redact_record)


def _clean(attributes: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    found = {}
    for name, value in (attributes or {}).items():
        cleaned = redact_field(name, value)
        if cleaned is not value and cleaned != value:
            found[name] = cleaned
    return {**(attributes or {}), **found} if found else attributes


def redact_span(span: ReadableSpan, *, exception_events: bool = True) -> ReadableSpan:
    """Return the span without secrets in its name, trace state, attributes, events, links and status."""
    given = span.attributes  # every access makes a new proxy
    name, attributes, context = redact(span.name), _clean(given), _redact_context(span.context)
    description = redact(span.status.description) if span.status.description else span.status.description
    events = [_redact_event(event) for event in span.events if exception_events or event.name != EXCEPTION]
    links = [_redact_link(link) for link in span.links]
    unchanged = attributes is given and description == span.status.description and name == span.name
    unchanged = unchanged and context is span.context and len(events) == len(span.events)
    if unchanged and all(new is old for new, old in zip([*events, *links], [*span.events, *span.links], strict=True)):
        return span
    return ReadableSpan(
        name=name,
        context=context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=events,
        links=links,
        kind=span.kind,
        status=type(span.status)(span.status.status_code, description),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _redact_event(event: Event) -> Event:
    name, attributes = redact(event.name), _clean(event.attributes)
    return event if name == event.name and attributes is event.attributes else Event(name, attributes, event.timestamp)


def _redact_link(link: Link) -> Link:
    attributes, context = _clean(link.attributes), _redact_context(link.context)
    return link if attributes is link.attributes and context is link.context else Link(context, attributes)


def _redact_context(context: SpanContext) -> SpanContext:
    if not context.trace_state:
        return context
    clean = TraceState([(vendor, str(redact_field(vendor, content))) for vendor, content in context.trace_state.items()])
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags, clean)


class ExceptionLogger(SpanProcessor):
    """Logs a span's exceptions in its context (https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/)."""

    def __init__(self, loggers: LoggerProvider) -> None:
        self._loggers = loggers

    def on_end(self, span: ReadableSpan) -> None:
        """Log each exception."""
        for event in span.events:
            if event.name == EXCEPTION and span.context is not None:
                scope = span.instrumentation_scope.name if span.instrumentation_scope else ""
                failed = span.status.status_code is StatusCode.ERROR
                self._loggers.get_logger(scope).emit(
                    LogRecord(
                        timestamp=event.timestamp,
                        context=set_span_in_context(NonRecordingSpan(span.context)),
                        severity_text="ERROR" if failed else "WARN",
                        severity_number=SeverityNumber.ERROR if failed else SeverityNumber.WARN,
                        # The conventions deprecate exception.escaped.
                        attributes={name: value for name, value in (event.attributes or {}).items() if name != "exception.escaped"},
                        event_name=EXCEPTION,
                    )
                )


class OtlpSpanExporter(RedactingSpanExporter):
    """``OTEL_TRACES_EXPORTER=otlp_redacted``: for an SDK that the service does not set up."""

    def __init__(self) -> None:
        super().__init__(_make("traces", "otlp"))


class OtlpLogExporter(RedactingLogExporter):
    """``OTEL_LOGS_EXPORTER=otlp_redacted``, as above."""

    def __init__(self) -> None:
        super().__init__(_make("logs", "otlp"))


def _redact_record(readable: ReadableLogRecord) -> ReadableLogRecord:
    record = readable.log_record
    record.body = redact_value(record.body)
    record.attributes = _clean(record.attributes)
    return dataclasses.replace(readable, log_record=record)
